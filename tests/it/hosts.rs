//! Two hosts, as network namespaces with a cable between them, each with an ssh server: a run over
//! them survives a killed process, a stopped one, a cut cable, and lost packets.

use crate::support::{Place, Running, SLUICE, assert_same, both_dumps, children, number, send};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BUILD: &str = "build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K -w 1";

/// How long the cable stays cut: longer than the run may take to notice it.
const CUT: Duration = Duration::from_secs(13);

/// The longest that the run may take to go on after a loss.
const CONTINUED: Duration = Duration::from_secs(60);

/// Runs a command. Returns whether it succeeded.
fn run(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    let status = command.args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Two hosts, which are removed when this is dropped.
struct Hosts {
    names: [String; 2],
    servers: Vec<Child>,
    ssh_config: PathBuf,
}

impl Hosts {
    /// Makes the hosts; `None` where that is not allowed, or a program is missing.
    fn new(folder: &Path) -> Option<Hosts> {
        let id = std::process::id();
        let names = ["a", "b"].map(|host| format!("sluice-{id}-{host}"));
        let programs = ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"];
        if !run("ip -V") || !programs.iter().all(|program| Path::new(program).exists()) {
            return None;
        }
        let mut hosts = Hosts { names, servers: Vec::new(), ssh_config: folder.join("ssh_config") };
        let [a, b] = hosts.names.clone();
        if !run(&format!("ip netns add {a}")) || !run(&format!("ip netns add {b}")) {
            return None;
        }
        let set = |line: String| assert!(run(&line), "{line}");
        set(format!("ip -n {a} link add cable type veth peer name cable netns {b}"));
        for (host, address) in [(&a, "10.77.0.1"), (&b, "10.77.0.2")] {
            set(format!("ip -n {host} address add {address}/24 dev cable"));
            set(format!("ip -n {host} link set lo up"));
            set(format!("ip -n {host} link set cable up"));
        }
        for key in ["host_key", "user_key"] {
            let key = folder.join(key);
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key);
            assert!(keygen.status().unwrap().success());
        }
        let _ = fs::create_dir_all("/run/sshd");
        let here = folder.display();
        let server = format!(
            "HostKey {here}/host_key\nAuthorizedKeysFile {here}/user_key.pub\nStrictModes no\n\
             PidFile none\nUsePAM no\nPermitRootLogin yes\n"
        );
        fs::write(folder.join("sshd_config"), server).unwrap();
        let client = format!(
            "IdentityFile {here}/user_key\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n\
             LogLevel ERROR\nBatchMode yes\nConnectTimeout 5\nServerAliveInterval 2\n\
             ServerAliveCountMax 3\n"
        );
        fs::write(&hosts.ssh_config, client).unwrap();
        for host in [&a, &b] {
            let mut server = Command::new("ip");
            server.args(["netns", "exec", host, "/usr/sbin/sshd", "-D", "-f"]);
            let server = server.arg(folder.join("sshd_config")).stderr(Stdio::null());
            hosts.servers.push(server.spawn().unwrap());
        }
        let answers = |address: &str| {
            let config = hosts.ssh_config.display();
            run(&format!("ip netns exec {a} ssh -F {config} {address} true"))
        };
        let began = Instant::now();
        while !answers("10.77.0.1") || !answers("10.77.0.2") {
            assert!(began.elapsed() < Duration::from_secs(20), "the ssh servers do not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(hosts)
    }

    fn start(&self, place: &Place) -> Running {
        place.write("hosts", "10.77.0.1\n10.77.0.2 slots=2\n");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[0]]).arg(&*SLUICE);
        let ssh = format!("ssh -T -F {}", self.ssh_config.display());
        command.args(["launch", "--hosts", "hosts", "--retries", "9", "--ssh", &ssh, "--"]);
        place.spawn(command, BUILD)
    }

    /// Lets the packets of both hosts get lost, as in a faulty switch: no host is told.
    fn lose_packets(&self) {
        for (host, other) in self.names.iter().zip(["10.77.0.2", "10.77.0.1"]) {
            // Nobody has this address.
            let to = format!("{other} lladdr 02:00:00:00:00:99 dev cable nud permanent");
            assert!(run(&format!("ip -n {host} neighbour replace {to}")));
        }
    }

    fn find_packets(&self) {
        for (host, other) in self.names.iter().zip(["10.77.0.2", "10.77.0.1"]) {
            assert!(run(&format!("ip -n {host} neighbour delete {other} dev cable")));
        }
    }

    /// Cuts the cable, or mends it.
    fn set_cable(&self, state: &str) {
        assert!(run(&format!("ip -n {} link set cable {state}", self.names[1])));
    }

    /// The launched processes of a host.
    fn processes(&self, host: usize) -> Vec<u32> {
        let output =
            Command::new("ip").args(["netns", "pids", &self.names[host]]).output().unwrap();
        let pids = String::from_utf8(output.stdout).unwrap();
        let pids = pids.lines().map(|pid| pid.parse::<u32>().unwrap());
        let has = |pid: u32, words: &str| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(words)
        };
        let launchers = pids.filter(|pid| has(*pid, "launch --serve") && !has(*pid, "sh -c"));
        let mut processes: Vec<u32> = launchers.flat_map(children).collect();
        processes.retain(|pid| has(*pid, "build recipe.toml"));
        processes
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for host in &self.names {
            run(&format!("ip netns delete {host}"));
        }
    }
}

/// Waits until the run has made `more` commits.
fn wait_for_commits(place: &Place, run: &mut Running, more: u64) {
    let newest = || {
        let names = fs::read_dir(place.path("corpus/commits")).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok()).max()
    };
    let (first, began) = (newest().unwrap_or_default(), Instant::now());
    while newest().unwrap_or_default() < first + more {
        assert!(!run.is_over(), "the run ended too early for this test");
        assert!(began.elapsed() < CONTINUED, "the run does not go on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_over_two_hosts_survives_a_kill_a_stop_and_a_cut_cable() {
    let folder = tempfile::tempdir().unwrap();
    let Some(hosts) = Hosts::new(folder.path()) else {
        println!("skipped: no network namespaces with ssh (root, iproute2, openssh-server)");
        return;
    };
    let recipe = both_dumps("", "");
    let expected = Place::new();
    expected.write("recipe.toml", &recipe);
    expected.run(BUILD).exits(0);
    let place = Place::new();
    place.write("recipe.toml", &recipe);
    let mut run = hosts.start(&place);
    wait_for_commits(&place, &mut run, 3);
    assert_eq!((hosts.processes(0).len(), hosts.processes(1).len()), (1, 2));
    send("-KILL", hosts.processes(1)[0]);
    wait_for_commits(&place, &mut run, 3);
    send("-STOP", hosts.processes(0)[0]);
    wait_for_commits(&place, &mut run, 3);
    hosts.set_cable("down");
    std::thread::sleep(CUT);
    hosts.set_cable("up");
    wait_for_commits(&place, &mut run, 3);
    hosts.lose_packets();
    std::thread::sleep(CUT);
    hosts.find_packets();
    let outcome = run.wait().exits(0);
    let again = outcome.stderr.matches("starting again from the last commit").count();
    assert!(again >= 4, "started again {again} times: {outcome}");
    outcome.names(&["ended with signal: 9", "gave no sign of life for 8 s"]);
    assert_same(&place.export("corpus"), &expected.export("corpus"), "two hosts");
    assert_eq!(place.status("corpus")["slices"], expected.status("corpus")["slices"]);
    place.assert_sound("corpus");
    assert!(number(&place.status("corpus")["commit"]) > 9);
}
