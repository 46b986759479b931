//! `launch` starts the processes of a run here, over ssh, or where a scheduler puts them. When one is
//! killed, stopped or cut off, the run continues by itself, with the same bytes.

use crate::support::{
    Export, Place, Running, SLUICE, assert_end_with_launcher, assert_same, both_dumps, children,
    files_below, send,
};
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// Many epochs with a commit after each.
const BUILD: &str = "build recipe.toml --corpus corpus --epoch-bytes 4K --commit-every 1K -w 1";

/// The longest that a run may take to notice a loss and to go on, with some seconds for the rest of
/// the run on a loaded machine.
const CONTINUED: Duration = Duration::from_secs(40);

/// What `launch` says when it goes on.
const AGAIN: &str = "starting again from the last commit";

fn with_recipe() -> Place {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place
}

fn undisturbed() -> Export {
    let place = with_recipe();
    place.run(BUILD).exits(0);
    place.export("corpus")
}

/// Fails unless the corpus is that of an undisturbed run.
fn assert_undisturbed(place: &Place, expected: &Export, what: &str) {
    assert_same(&place.export("corpus"), expected, what);
    place.assert_sound("corpus");
}

#[test]
fn a_killed_or_stopped_process_is_replaced_and_the_run_continues() {
    let expected = undisturbed();
    for (signal, victim, named) in [
        ("-KILL", 0, "process 0 ended with signal: 9"),
        ("-KILL", 2, "process 2 ended with signal: 9"),
        ("-STOP", 0, "process 0 gave no sign of life for 8 s"),
        ("-STOP", 1, "process 1 gave no sign of life for 8 s"),
    ] {
        let place = with_recipe();
        let mut run = place.start(&format!("launch -n 3 -- {BUILD}"));
        place.wait_for_commit(&mut run);
        // They are started in order, so they are numbered in order.
        let processes = children(run.id());
        let lost = Instant::now();
        send(signal, processes[victim]);
        run.wait().exits(0).names(&[named, AGAIN]);
        assert!(lost.elapsed() < CONTINUED, "{signal}: {:?}", lost.elapsed());
        for process in processes {
            assert!(!fs::exists(format!("/proc/{process}")).unwrap(), "{process} is still there");
        }
        assert_undisturbed(&place, &expected, named);
    }
}

#[test]
fn a_process_that_pauses_for_a_moment_is_not_lost() {
    let place = with_recipe();
    let mut run = place.start(&format!("launch -n 2 --retries 0 -- {BUILD}"));
    place.wait_for_commit(&mut run);
    let victim = children(run.id())[1];
    send("-STOP", victim);
    std::thread::sleep(Duration::from_secs(3));
    send("-CONT", victim);
    run.wait().exits(0);
    assert_undisturbed(&place, &undisturbed(), "a pause");
}

#[test]
fn a_run_that_fails_again_and_again_is_given_up() {
    let place = with_recipe();
    let launch = format!("launch -n 2 --retries 1 -- {BUILD}");
    // Each attempt is killed at its first commit.
    let outcome = place.run_crashing_at("manifest-renamed:2", &launch).exits(1);
    let outcome = outcome.names(&["(1 of at most 1 times)", "started again once", "same command"]);
    assert_eq!(outcome.stderr.matches("ended with signal: 9").count(), 2, "{outcome}");
}

#[test]
fn an_error_that_a_new_attempt_would_not_mend_ends_the_run() {
    let place = with_recipe();
    place.write("plain.toml", "[common_crawl]\nlanguages = []\n");
    place.run("build plain.toml --corpus corpus").exits(0);
    let add = "add corpus --slice common_crawl --label broken fixtures/broken --strict";
    let outcome = place.run(&format!("launch -n 2 -- {add}")).exits(1).names(&["byte"]);
    assert!(!outcome.stderr.contains(AGAIN), "{outcome}");
    let add =
        |label: &str| format!("add corpus --slice common_crawl --label {label} fixtures/broken");
    place.run(&format!("launch -n 2 -- {}", add("listed"))).exits(3);
    place.run(&format!("launch -n 2 --allow-defects -- {}", add("allowed"))).exits(0);
    let outcome = place.run("launch -n 2 -- build missing.toml").exits(2).names(&["missing.toml"]);
    assert!(!outcome.stderr.contains(AGAIN), "{outcome}");
}

/// Writes a program that does what ssh does, on this machine.
fn fake_ssh(place: &Place) -> String {
    let log = place.path("ssh.log").display().to_string();
    place.write("ssh.sh", format!("host=$1; shift; echo $host >>{log}; cd /; exec sh -c \"$*\"\n"));
    format!("sh {}", place.path("ssh.sh").display())
}

/// A run over two hosts, which has made a commit.
struct OverHosts {
    place: Place,
    ssh: String,
    run: Running,
    /// The launcher of each host, and its process.
    launchers: Vec<u32>,
    processes: Vec<u32>,
}

impl OverHosts {
    fn start() -> OverHosts {
        let place = with_recipe();
        let ssh = fake_ssh(&place);
        let mut run = launch_on_hosts(&place, &local_hosts(), "", &ssh);
        place.wait_for_commit(&mut run);
        let launchers = children(run.id());
        let processes: Vec<u32> = launchers.iter().flat_map(|one| children(*one)).collect();
        assert_eq!((launchers.len(), processes.len()), (2, 2));
        OverHosts { place, ssh, run, launchers, processes }
    }
}

/// Free ports of this machine.
fn ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Starts a run on the machines of a list, which `ssh` reaches.
fn launch_on_hosts(place: &Place, hosts: &str, more: &str, ssh: &str) -> Running {
    place.write("hosts", hosts);
    let mut command = Command::new(&*SLUICE);
    command.args(["launch", "--hosts", "hosts", "--ssh", ssh]).env("HOME", place.path("home"));
    place.spawn(command, &format!("{more} -- {BUILD}"))
}

fn local_hosts() -> String {
    let [one, two] = ports();
    format!("a port={one} address=127.0.0.1\nuser@b port={two} address=127.0.0.1 # the second\n")
}

#[test]
fn a_run_over_several_hosts_continues_when_one_is_lost() {
    let expected = undisturbed();
    for (signal, named, who) in [
        ("-KILL", "process 1 ended with signal: 9", "host user@b"),
        ("-STOP", "process 1 gave no sign of life", "host a"),
    ] {
        let OverHosts { place, run, processes, .. } = OverHosts::start();
        send(signal, processes[1]);
        let outcome = run.wait().exits(0).names(&[named, who, AGAIN]);
        assert!(outcome.stdout.contains("commit"), "{outcome}");
        let called = fs::read_to_string(place.path("ssh.log")).unwrap();
        let times = |host| called.lines().filter(|line| *line == host).count();
        assert_eq!((times("a"), times("user@b")), (2, 2), "{called}");
        assert_undisturbed(&place, &expected, named);
    }
}

#[test]
fn the_program_is_copied_to_hosts_once() {
    let place = with_recipe();
    let ssh = fake_ssh(&place);
    for corpus in ["one", "two"] {
        launch_on_hosts(&place, &local_hosts(), "--copy", &ssh).wait().exits(0);
        let copies = files_below(&place.path("home/.cache/sluice"));
        let names: Vec<&String> = copies.keys().collect();
        assert!(matches!(&names[..], [name] if name.ends_with("/sluice")), "{corpus}: {names:?}");
    }
    assert_undisturbed(&place, &undisturbed(), "copied programs");
    place.write("broken.sh", "echo no such host >&2; exit 255\n");
    let broken = format!("sh {}", place.path("broken.sh").display());
    let run = launch_on_hosts(&place, &local_hosts(), "--copy", &broken);
    run.wait().exits(1).names(&["cannot copy the program to a", "no such host"]);
}

#[test]
fn a_signal_ends_the_processes_of_all_hosts_at_a_commit() {
    let OverHosts { place, ssh, run, launchers, processes } = OverHosts::start();
    send("-TERM", run.id());
    run.wait().exits(143).names(&["the corpus is at commit", "same command"]);
    for process in launchers.into_iter().chain(processes) {
        assert!(!fs::exists(format!("/proc/{process}")).unwrap(), "{process} is still there");
    }
    launch_on_hosts(&place, &local_hosts(), "", &ssh).wait().exits(0);
    assert_undisturbed(&place, &undisturbed(), "a signal over hosts");
}

#[test]
fn a_killed_launcher_ends_the_processes_of_all_hosts() {
    let OverHosts { place: _place, run, processes, .. } = OverHosts::start();
    run.kill().was_killed();
    assert_end_with_launcher(&processes);
}

/// What Slurm tells the tasks of a job step with two tasks on one node.
const SLURM_OF_TWO: [(&str, &str); 5] = [
    ("SLURM_NODEID", "0"),
    ("SLURM_JOB_ID", "17"),
    ("SLURM_STEP_NODELIST", "localhost"),
    ("SLURM_STEP_TASKS_PER_NODE", "2"),
    ("SLUICE_TOKEN", "secret"),
];

/// Starts a task of a Slurm job step, which runs `build`.
fn slurm_task(
    place: &Place,
    port: u16,
    task: usize,
    build: &str,
    more: &[(&str, &str)],
) -> Running {
    let mut command = Command::new(&*SLUICE);
    command
        .args(["launch", "--slurm", "--port", &port.to_string(), "--listen", "127.0.0.1", "--"])
        .envs(SLURM_OF_TWO)
        .env("SLURM_PROCID", task.to_string())
        .envs(more.iter().copied());
    place.spawn(command, build)
}

/// Two ports in a row that are free.
fn two_ports() -> u16 {
    loop {
        let [port] = ports();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

#[test]
fn tasks_of_slurm_are_one_run_and_each_is_started_again_by_its_own_launcher() {
    let place = with_recipe();
    let port = two_ports();
    let second = slurm_task(&place, port, 1, BUILD, &[]);
    let mut first = slurm_task(&place, port, 0, BUILD, &[]);
    place.wait_for_commit(&mut first);
    send("-KILL", children(second.id())[0]);
    let (first, second) = (first.wait().exits(0), second.wait().exits(0));
    first.names(&["process 1 ended without a word", AGAIN]);
    second.names(&["process 1 ended with signal: 9", AGAIN]);
    assert_undisturbed(&place, &undisturbed(), "two tasks");
    let wrong = slurm_task(&place, port, 1, BUILD, &[("SLURM_NODEID", "1")]);
    wrong.wait().exits(2).names(&["srun --distribution=block"]);
}

#[test]
fn a_task_that_fails_before_the_run_ends_the_others() {
    let place = with_recipe();
    place.write("other.toml", both_dumps("", "min_chars = 200"));
    let port = two_ports();
    let task = |task: usize, recipe: &str| {
        let build = format!("build {recipe} --corpus corpus -w 1");
        slurm_task(&place, port, task, &build, &[])
    };
    let second = task(1, "other.toml");
    for outcome in [task(0, "recipe.toml").wait(), second.wait()] {
        let outcome = outcome.exits(1).names(&["recipe"]);
        assert!(!outcome.stderr.contains(AGAIN), "{outcome}");
    }
}

#[test]
fn a_launcher_needs_to_know_where_to_start_processes() {
    let place = with_recipe();
    place.run(&format!("launch -- {BUILD}")).exits(2).names(&["-n N", "--hosts", "--slurm"]);
    place.run(&format!("launch --slurm -- {BUILD}")).exits(2).names(&["SLURM_PROCID is not set"]);
    let outcome = place.run(&format!("launch --kubernetes -- {BUILD}")).exits(2);
    outcome.names(&["JOB_COMPLETION_INDEX is not set", "docs/deploy/kubernetes.yaml"]);
    let outcome = place.run(&format!("launch --hosts none -- {BUILD}")).exits(1);
    outcome.names(&["cannot read the hosts none"]);
}

/// Starts a pod of a Kubernetes Job. Its names are found in a file, as in the cluster's DNS.
fn pod(place: &Place, index: usize) -> Running {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]);
    command
        .arg(place.path("names"))
        .arg(&*SLUICE)
        .args(["launch", "--kubernetes", "--listen", &format!("127.0.0.{}", index + 1), "--"])
        .env("JOB_COMPLETION_INDEX", index.to_string())
        .env("SLUICE_PROCESSES", "2")
        .env("HOSTNAME", format!("corpus-{index}"))
        .env("SLUICE_SERVICE", "sluice")
        .env("SLUICE_TOKEN", "secret");
    place.spawn(command, BUILD)
}

#[test]
fn pods_of_kubernetes_are_one_run_and_a_pod_that_is_evicted_comes_back() {
    let may = Command::new("unshare").args(["-m", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: no mount namespaces (root is needed)");
        return;
    }
    let place = with_recipe();
    place.write("names", "127.0.0.1 localhost corpus-0.sluice\n127.0.0.2 corpus-1.sluice\n");
    let mut first = pod(&place, 0);
    let second = pod(&place, 1);
    place.wait_for_commit(&mut first);
    // A node that is drained ends its pods by SIGTERM. The Job then makes a new one.
    send("-TERM", second.id());
    second.wait().exits(143);
    let second = pod(&place, 1);
    first.wait().exits(0).names(&["process 1 is asked to end; the corpus is at commit", AGAIN]);
    second.wait().exits(0);
    assert_undisturbed(&place, &undisturbed(), "two pods");
}
