//! The place that Slurm or Kubernetes gives a process, from its environment variables.

mod hostlist;

use self::hostlist::{hosts, tasks};
use super::places::{PORT, address};
use super::seat::{Seat, TOKEN};
use anyhow::Result;
use recipe::usage::usage;
use std::str::FromStr;

/// How long processes wait for each other: schedulers start them one after another, and images are
/// fetched first.
const WAIT_SECONDS: u64 = 600;

/// Jobs of one machine get ports from this one on, 16 for each, so that they do not collide.
const JOB_PORTS: u64 = 10_000;
const PORTS_OF_JOB: u64 = 16;
const JOBS: u64 = 1250;

/// A scheduler that starts one `launch` for each process of the run.
pub(crate) struct Scheduler {
    pub kind: Kind,
    /// The port of the first process of a machine.
    pub port: Option<u16>,
    /// The address to listen on.
    pub listen: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `srun`: one task for each process.
    Slurm,
    /// An indexed Job: one pod for each process.
    Kubernetes,
}

impl Scheduler {
    /// Returns the place of this process.
    ///
    /// # Errors
    /// If a variable is missing or wrong, which is wrong usage.
    pub(super) fn seat(&self) -> Result<Seat> {
        self.seat_in(&|name| std::env::var(name).ok())
    }

    fn seat_in(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Seat> {
        let variables = Variables { variable, scheduler: self };
        let mut seat = match self.kind {
            Kind::Slurm => variables.slurm(),
            Kind::Kubernetes => variables.kubernetes(),
        }?;
        seat.wait_seconds = WAIT_SECONDS;
        Ok(seat)
    }
}

struct Variables<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    scheduler: &'a Scheduler,
}

impl Variables<'_> {
    /// See the section "Output environment variables" of srun(1).
    fn slurm(&self) -> Result<Seat> {
        let process: usize = self.number("SLURM_PROCID")?;
        let names = self.first_of(&["SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"])?;
        let counts = self.first_of(&["SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"])?;
        let (names, counts) =
            (parsed("node list", &names, hosts)?, parsed("tasks", &counts, tasks)?);
        if names.len() != counts.len() {
            let (names, counts) = (names.len(), counts.len());
            return Err(usage(format!("Slurm names {names} nodes, and tasks of {counts} nodes")));
        }
        let job: u64 = self.number("SLURM_JOB_ID")?;
        let port = u64::from(self.scheduler.port.unwrap_or_default());
        let port = if port == 0 { JOB_PORTS + job % JOBS * PORTS_OF_JOB } else { port };
        let places = names.iter().zip(&counts).enumerate().flat_map(|(node, (name, count))| {
            (0..*count).map(move |local| (node, address(name, (port + local as u64) as u16)))
        });
        let (nodes, addresses): (Vec<usize>, Vec<String>) = places.unzip();
        let node: usize = self.number("SLURM_NODEID")?;
        if nodes.get(process) != Some(&node) {
            return Err(usage(format!(
                "task {process} is on node {node}, and not where the list of nodes has it; \
                 start the tasks with srun --distribution=block"
            )));
        }
        let mut seat = Seat::new(process, addresses, self.token(nodes.len())?);
        seat.workers = (self.variable)("SLURM_CPUS_PER_TASK").and_then(|n| n.parse().ok());
        seat.local_processes = counts[node];
        self.set_listen(&mut seat);
        Ok(seat)
    }

    /// An indexed Job with a headless service:
    /// <https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication/>.
    fn kubernetes(&self) -> Result<Seat> {
        let process: usize = self.number("JOB_COMPLETION_INDEX")?;
        let processes: usize = self.number("SLUICE_PROCESSES")?;
        if process >= processes {
            return Err(usage(format!(
                "JOB_COMPLETION_INDEX is {process}, but SLUICE_PROCESSES is {processes}: set it to \
                 the completions of the Job"
            )));
        }
        let (host, service) = (self.text("HOSTNAME")?, self.text("SLUICE_SERVICE")?);
        let job = host.strip_suffix(&format!("-{process}")).ok_or_else(|| {
            usage(format!("HOSTNAME is {host}, not JOB-{process}: is the Job an indexed one?"))
        })?;
        let port = self.scheduler.port.unwrap_or(PORT);
        let addresses =
            (0..processes).map(|process| address(&format!("{job}-{process}.{service}"), port));
        let mut seat = Seat::new(process, addresses.collect(), self.token(processes)?);
        // The pod's own name is in the DNS only after it is ready. A pod has a network of its own.
        seat.listen = Some(address("0.0.0.0", port));
        self.set_listen(&mut seat);
        Ok(seat)
    }

    fn set_listen(&self, seat: &mut Seat) {
        if let Some(listen) = &self.scheduler.listen {
            let port = seat.addresses[seat.process].rsplit(':').next().and_then(|p| p.parse().ok());
            seat.listen = Some(address(listen, port.unwrap_or(PORT)));
        }
    }

    /// The token, which several processes cannot do without.
    fn token(&self, processes: usize) -> Result<String> {
        match (self.variable)(TOKEN) {
            Some(token) if !token.is_empty() => Ok(token),
            _ if processes == 1 => Ok(String::new()),
            _ => Err(usage(format!(
                "{TOKEN} is not set: give all processes one secret, such as that of openssl rand -hex 32"
            ))),
        }
    }

    fn text(&self, name: &str) -> Result<String> {
        let is_set = |value: &String| !value.is_empty();
        (self.variable)(name).filter(is_set).ok_or_else(|| {
            let whence = match self.scheduler.kind {
                Kind::Slurm => "start it by srun, as in docs/deploy/sluice.sbatch",
                Kind::Kubernetes => "start it as in docs/deploy/kubernetes.yaml",
            };
            usage(format!("{name} is not set; {whence}"))
        })
    }

    fn first_of(&self, names: &[&str; 2]) -> Result<String> {
        (self.variable)(names[0]).map_or_else(|| self.text(names[1]), Ok)
    }

    fn number<N: FromStr>(&self, name: &str) -> Result<N> {
        let text = self.text(name)?;
        text.parse().map_err(|_| usage(format!("{name} is {text}, a number is expected")))
    }
}

fn parsed<T>(what: &str, text: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
    parse(text).ok_or_else(|| usage(format!("cannot read Slurm's {what} {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(kind: Kind, variables: &[(&str, &str)]) -> Result<Seat> {
        let scheduler = Scheduler { kind, port: None, listen: None };
        scheduler.seat_in(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const SLURM: [(&str, &str); 7] = [
        ("SLURM_PROCID", "2"),
        ("SLURM_NODEID", "1"),
        ("SLURM_JOB_ID", "2501"),
        ("SLURM_STEP_NODELIST", "n[1-2]"),
        ("SLURM_STEP_TASKS_PER_NODE", "2,1"),
        ("SLURM_CPUS_PER_TASK", "8"),
        ("SLUICE_TOKEN", "secret"),
    ];

    #[test]
    fn a_task_of_slurm_finds_all_others() {
        let seat = seat(Kind::Slurm, &SLURM).unwrap();
        assert_eq!(seat.addresses, ["n1:10016", "n1:10017", "n2:10016"]);
        assert_eq!((seat.process, seat.local_processes, seat.workers), (2, 1, Some(8)));
        assert_eq!((seat.token.as_str(), seat.listen), ("secret", None));
    }

    #[test]
    fn tasks_that_are_not_where_they_are_expected_are_refused() {
        for (name, value, expected) in [
            ("SLURM_NODEID", "0", "--distribution=block"),
            ("SLURM_PROCID", "3", "--distribution=block"),
            ("SLURM_PROCID", "", "SLURM_PROCID is not set; start it by srun"),
            ("SLURM_STEP_NODELIST", "n[1-2", "cannot read Slurm's node list n[1-2"),
            ("SLURM_STEP_TASKS_PER_NODE", "3", "2 nodes, and tasks of 1 nodes"),
            ("SLUICE_TOKEN", "", "openssl rand -hex 32"),
        ] {
            let with =
                SLURM.map(|(known, usual)| (known, if known == name { value } else { usual }));
            let error = seat(Kind::Slurm, &with).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    const KUBERNETES: [(&str, &str); 5] = [
        ("JOB_COMPLETION_INDEX", "1"),
        ("SLUICE_PROCESSES", "2"),
        ("HOSTNAME", "corpus-2023-1"),
        ("SLUICE_SERVICE", "sluice"),
        ("SLUICE_TOKEN", "secret"),
    ];

    #[test]
    fn a_pod_finds_all_others() {
        let seat = seat(Kind::Kubernetes, &KUBERNETES).unwrap();
        assert_eq!(seat.addresses, ["corpus-2023-0.sluice:2101", "corpus-2023-1.sluice:2101"]);
        assert_eq!((seat.process, seat.listen.as_deref()), (1, Some("0.0.0.0:2101")));
    }

    #[test]
    fn pods_that_are_not_those_of_an_indexed_job_are_refused() {
        for (name, value, expected) in [
            ("JOB_COMPLETION_INDEX", "2", "SLUICE_PROCESSES is 2"),
            ("HOSTNAME", "corpus-abcde", "an indexed one"),
            ("SLUICE_SERVICE", "", "SLUICE_SERVICE is not set"),
            ("SLUICE_TOKEN", "", "openssl rand -hex 32"),
        ] {
            let with =
                KUBERNETES.map(|(known, usual)| (known, if known == name { value } else { usual }));
            let error = seat(Kind::Kubernetes, &with).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
