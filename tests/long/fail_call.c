/* A library for LD_PRELOAD that makes one call of the system fail, in the folder of a test only.
 *
 *   FAIL_CALL    name of the call: open, read, write, fsync, rename, unlink, mkdir
 *   FAIL_NUMBER  which of them fails, from 1 on; 0 for none
 *   FAIL_ERROR   the number of the error it fails with
 *   FAIL_BELOW   the folder, an absolute path
 *   FAIL_COUNT   a file to which the number of calls is written at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

/* Only what is in the folder counts. A path without a root begins there: tests run in it. */
static int is_below(const char *path) {
    const char *folder = setting("FAIL_BELOW");
    if (path == NULL || *folder == 0) return 0;
    return path[0] != '/' || strncmp(path, folder, strlen(folder)) == 0;
}

static int fails(const char *call, const char *path) {
    if (strcmp(call, setting("FAIL_CALL")) != 0 || !is_below(path)) return 0;
    if (atomic_fetch_add(&calls, 1) + 1 != atol(setting("FAIL_NUMBER"))) return 0;
    errno = atoi(setting("FAIL_ERROR"));
    return 1;
}

static int fails_of(const char *call, int file) {
    char link[64], path[4096];
    /* What a command prints is in files of the test, which it is not to fail at. */
    if (file <= 2 || strcmp(call, setting("FAIL_CALL")) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/') return 0;
    path[length] = 0;
    return fails(call, path);
}

__attribute__((destructor)) static void end(void) {
    const char *name = setting("FAIL_COUNT");
    if (*name == 0) return;
    FILE *(*open_file)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    FILE *file = open_file(name, "w");
    if (file == NULL) return;
    fprintf(file, "%ld", atomic_load(&calls));
    fclose(file);
}

/* A function of the C library, with its own first. */
#define REPLACE(result, name, parameters, arguments, failing)                                      \
    result name parameters {                                                                       \
        static result(*own) parameters;                                                            \
        if (own == NULL) own = dlsym(RTLD_NEXT, #name);                                            \
        if (failing) return -1;                                                                    \
        return own arguments;                                                                      \
    }

REPLACE(ssize_t, read, (int f, void *b, size_t n), (f, b, n), fails_of("read", f))
REPLACE(ssize_t, readv, (int f, const struct iovec *v, int n), (f, v, n), fails_of("read", f))
REPLACE(ssize_t, pread64, (int f, void *b, size_t n, off64_t at), (f, b, n, at), fails_of("read", f))
REPLACE(ssize_t, write, (int f, const void *b, size_t n), (f, b, n), fails_of("write", f))
REPLACE(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n), fails_of("write", f))
REPLACE(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t at), (f, b, n, at),
        fails_of("write", f))
REPLACE(int, fsync, (int f), (f), fails_of("fsync", f))
REPLACE(int, fdatasync, (int f), (f), fails_of("fsync", f))
REPLACE(int, rename, (const char *from, const char *to), (from, to), fails("rename", to))
REPLACE(int, unlink, (const char *path), (path), fails("unlink", path))
REPLACE(int, mkdir, (const char *path, mode_t mode), (path, mode), fails("mkdir", path))

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        static int (*own)(const char *, int, ...);                                                 \
        if (own == NULL) own = dlsym(RTLD_NEXT, #name);                                            \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = va_arg(rest, mode_t);                                                        \
        va_end(rest);                                                                              \
        if (fails("open", path)) return -1;                                                        \
        return own(path, flags, mode);                                                             \
    }

OPEN(open)
OPEN(open64)
