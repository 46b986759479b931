//! The machines of a run, which are reached by ssh.

use super::places::{PORT, address};
use super::seat::Seat;
use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use recipe::usage::usage;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// ssh without questions, which notices within seconds that a machine cannot be reached.
const SSH: &str = "ssh -T -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=2 \
                   -o ServerAliveCountMax=3";

/// The most processes on one machine.
const SLOTS_MAX: usize = 256;

/// What `launch` tells a machine to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    /// The command with its arguments.
    pub arguments: Vec<String>,
    /// Environment variables to be set.
    pub variables: Vec<(String, String)>,
    /// The folder in which the command runs; that of the launcher if there is none.
    pub folder: Option<PathBuf>,
    /// The processes.
    pub seats: Vec<Seat>,
}

/// The machines of a run.
#[derive(Debug)]
pub(crate) struct Hosts {
    hosts: Vec<Host>,
    /// The command that runs another one on a machine, split into words.
    ssh: Vec<String>,
    /// This program on the machines, as a word of their shell.
    program: String,
    /// Whether it is copied to them.
    copy: bool,
    listen: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Host {
    /// Its name for ssh.
    name: String,
    /// Its name or address for the other processes.
    address: String,
    slots: usize,
    port: u16,
}

impl Hosts {
    /// Reads a list of hosts: one a line, `NAME [slots=N] [port=N] [address=ADDRESS]`.
    ///
    /// # Errors
    /// A wrong list is wrong usage.
    pub fn read(
        path: &Path,
        ssh: Option<&str>,
        copy: bool,
        listen: Option<String>,
    ) -> Result<Hosts> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the hosts {}", path.display()))?;
        let mut hosts = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let wrong = |what: String| usage(format!("{}:{line}: {what}", path.display()));
            let text = text.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                hosts.push(host(text).map_err(wrong)?);
            }
        }
        if hosts.is_empty() {
            return Err(usage(format!("{} names no host", path.display())));
        }
        let ssh = ssh.unwrap_or(SSH).split_whitespace().map(str::to_owned).collect();
        let program = if copy { copied(&digest()?) } else { quoted(&program()?) };
        Ok(Hosts { hosts, ssh, program, copy, listen })
    }

    /// The names of the machines, for ssh.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| host.name.as_str())
    }

    /// Returns the processes of each machine.
    pub(super) fn seats(&self, token: &str) -> Vec<Vec<Seat>> {
        let places =
            self.hosts.iter().flat_map(|host| (0..host.slots).map(move |slot| (host, slot)));
        let port = |host: &Host, slot: usize| host.port + slot as u16;
        let addresses: Vec<String> =
            places.map(|(host, slot)| address(&host.address, port(host, slot))).collect();
        let mut processes = 0..;
        let seats_of = |host: &Host| {
            let seats = (0..host.slots).zip(processes.by_ref()).map(|(slot, process)| Seat {
                local_processes: host.slots,
                listen: self.listen.as_ref().map(|listen| address(listen, port(host, slot))),
                ..Seat::new(process, addresses.clone(), token.to_owned())
            });
            seats.collect()
        };
        self.hosts.iter().map(seats_of).collect()
    }

    /// Returns the command that runs `line`, a line of a shell, on a machine.
    pub(super) fn command(&self, host: &str, line: &str) -> Command {
        let mut command = Command::new(&self.ssh[0]);
        command.args(&self.ssh[1..]).arg(host).arg(line);
        command
    }

    /// Returns the line of a shell that starts this program on a machine.
    pub(super) fn server(&self) -> String {
        format!("exec {} launch --serve", self.program)
    }

    /// Copies this program to all machines that do not have it, if it is to be copied.
    ///
    /// # Errors
    /// If a machine cannot be reached, or does not take the file.
    pub(super) fn copy_program(&self) -> Result<()> {
        if !self.copy {
            return Ok(());
        }
        let target = &self.program;
        // Renamed at the end, so that a copy that was cut off is never run.
        let line = format!(
            "f={target}; test -x \"$f\" || {{ mkdir -p \"${{f%/*}}\" && cat >\"$f.$$\" && \
             chmod 755 \"$f.$$\" && mv \"$f.$$\" \"$f\"; }}"
        );
        for host in self.names() {
            let mut command = self.command(host, &line);
            let file = File::open(program()?).context("cannot read this program's own file")?;
            let output = command.stdin(file).stdout(Stdio::null()).output();
            let output = output
                .with_context(|| format!("cannot start {}", command.get_program().display()))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("cannot copy the program to {host}: {}: {}", output.status, said.trim());
            }
        }
        Ok(())
    }
}

/// Parses a line of a list of hosts.
fn host(text: &str) -> Result<Host, String> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default().to_owned();
    if name.starts_with('-') {
        return Err(format!("{name} is not the name of a host"));
    }
    let address = name.rsplit('@').next().unwrap_or_default().to_owned();
    let mut host = Host { name, address, slots: 1, port: PORT };
    for word in words {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{word}: slots=N, port=N or address=ADDRESS is expected"))?;
        let number = || value.parse::<u16>().map_err(|_| format!("{word}: a number is expected"));
        match key {
            "slots" => host.slots = usize::from(number()?),
            "port" => host.port = number()?,
            "address" => value.clone_into(&mut host.address),
            _ => return Err(format!("{key} is not known; slots, port and address are")),
        }
    }
    if !(1..=SLOTS_MAX).contains(&host.slots) {
        return Err(format!("slots={}: from 1 to {SLOTS_MAX} are expected", host.slots));
    }
    if usize::from(host.port) + host.slots > usize::from(u16::MAX) || host.port == 0 {
        return Err(format!("port={}: no port for each of {} slots", host.port, host.slots));
    }
    Ok(host)
}

fn program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

/// Returns a digest of this program, which names its copies.
fn digest() -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(program()?).context("cannot read this program's own file")?;
    hasher.update_reader(file).context("cannot read this program's own file")?;
    Ok(HEXLOWER.encode(&hasher.finalize().as_bytes()[..8]))
}

/// The copy of this program on a machine, for its shell.
fn copied(digest: &str) -> String {
    format!("\"$HOME/.cache/sluice/{digest}/sluice\"")
}

/// Returns a path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Result<Hosts> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, text).unwrap();
        Hosts::read(&path, None, false, Some("0.0.0.0".to_owned()))
    }

    #[test]
    fn each_slot_of_each_host_is_a_process_with_a_port_of_its_own() {
        let hosts = hosts("# two\nroot@a slots=2\n\nb port=7 address=fd00::2 # last\n").unwrap();
        let names: Vec<&str> = hosts.names().collect();
        assert_eq!(names, ["root@a", "b"]);
        let seats = hosts.seats("secret");
        let processes: Vec<Vec<usize>> =
            seats.iter().map(|seats| seats.iter().map(|seat| seat.process).collect()).collect();
        assert_eq!(processes, [vec![0, 1], vec![2]]);
        assert_eq!(seats[1][0].addresses, ["a:2101", "a:2102", "[fd00::2]:7"]);
        let listen: Vec<&str> =
            seats.iter().flatten().flat_map(|seat| seat.listen.as_deref()).collect();
        assert_eq!(listen, ["0.0.0.0:2101", "0.0.0.0:2102", "0.0.0.0:7"]);
        assert_eq!(seats[0][1].local_processes, 2);
    }

    #[test]
    fn a_wrong_list_is_refused_with_its_line() {
        for (text, expected) in [
            ("", "names no host"),
            ("a\nb slots=0", ":2: slots=0"),
            ("a slots=x", ":1: slots=x: a number"),
            ("a slot=1", ":1: slot is not known"),
            ("a b", ":1: b: slots=N"),
            ("a port=65535 slots=2", ":1: port=65535"),
            ("-oProxyCommand=x", ":1: -oProxyCommand=x is not the name"),
        ] {
            let error = hosts(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
