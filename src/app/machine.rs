//! What this machine has, and what this process uses, as the system says it.

use rustix::time::{ClockId, clock_gettime};
use std::fs;

/// The limit of this process's memory in a container, by cgroups of version 2 and 1.
const LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Returns the memory of this machine, or that of the container, in bytes.
pub(crate) fn memory_bytes() -> Option<u64> {
    let limits =
        LIMITS.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    limits.chain(total(&fs::read_to_string("/proc/meminfo").ok()?)).min()
}

/// Returns the CPU seconds of this process so far.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Returns a size in bytes of this process, such as `VmRSS:`, as proc_pid_status(5) has it.
pub(crate) fn status_bytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Reads the total of proc_meminfo(5).
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_in_bytes() {
        let meminfo = "MemTotal:       24652544 kB\nMemFree:        123 kB\n";
        assert_eq!(total(meminfo), Some(24_652_544 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert!(memory_bytes().is_some_and(|bytes| bytes > 64 << 20));
    }
}
