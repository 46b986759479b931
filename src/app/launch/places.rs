//! Addresses for the processes of a run.

use anyhow::{Context, Result};
use std::net::TcpListener;

/// The port of the first process of a machine, as timely has it.
pub(super) const PORT: u16 = 2101;

/// Returns a free address of this machine for each of `count` processes.
pub(super) fn free_addresses(count: usize) -> Result<Vec<String>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<std::io::Result<_>>()
        .context("cannot find a free port on 127.0.0.1")?;
    let address = |listener: &TcpListener| Ok(listener.local_addr()?.to_string());
    listeners.iter().map(address).collect()
}

/// Returns `host:port`, with an IPv6 address in brackets.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
