# A small image with a static `sluice`. See docs/releasing.md.
FROM rust:1.93-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist --bin sluice

FROM scratch
COPY --from=build /src/target/dist/sluice /usr/local/bin/sluice
# Files that sluice writes for a time only: an empty image has no /tmp.
WORKDIR /tmp
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/sluice"]
