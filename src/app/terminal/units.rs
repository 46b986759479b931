//! Sizes, counts and times as people write them.

use engine::CommitEvery;
use indicatif::HumanCount;
use std::time::Duration;

/// Returns a number with its noun: `1 defect`, `2,000 defects`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(number))
}

/// Returns a count in at most seven characters: `9,999`, `12.3 M`. Suffixes are powers of a
/// thousand, as [`count`] reads them.
pub(crate) fn short_count(number: u64) -> String {
    const SUFFIXES: [&str; 5] = ["", " K", " M", " G", " T"];
    if number < 10_000 {
        return HumanCount(number).to_string();
    }
    let mut scaled = number as f64;
    let mut power = 0;
    while scaled >= 999.5 && power + 1 < SUFFIXES.len() {
        scaled /= 1e3;
        power += 1;
    }
    let digits = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.digits$}{}", SUFFIXES[power])
}

/// Returns the speed of a run that handled these bytes of text, as `, 5.6 MB/s`. Empty if there are
/// too few for a speed to mean something: the run was over before it had a speed.
pub(crate) fn speed(bytes: u64, seconds: f64) -> String {
    const BYTES_MIN: u64 = 1 << 20;
    if bytes < BYTES_MIN {
        return String::new();
    }
    format!(", {:.1} MB/s", bytes as f64 / 1e6 / seconds.max(0.001))
}

/// Returns a time in the unit that people would use: `12.3 s`, `4.5 min`, `6.7 h`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 99.95 => format!("{seconds:.1} s"),
        seconds if seconds < 5_997.0 => format!("{:.1} min", seconds / 60.0),
        seconds if seconds < 3.6e6 => format!("{:.1} h", seconds / 3600.0),
        seconds => format!("{} h", HumanCount((seconds / 3600.0).round() as u64)),
    }
}

/// Parses a size such as `4G`, `512M` or `1000`, in bytes. Suffixes are powers of 1,024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.trim().to_ascii_uppercase().char_indices().last() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => (text.trim()[..at].to_owned(), unit),
        _ => (text.trim().to_owned(), ' '),
    };
    let factor: u64 = match unit {
        ' ' => 1,
        'K' => 1 << 10,
        'M' => 1 << 20,
        'G' => 1 << 30,
        'T' => 1 << 40,
        _ => return Err(format!("{unit} is not a unit of size; use K, M, G or T, as in 4G")),
    };
    let not_a_size = || format!("{text} is not a size; write it as 4G");
    let number: f64 = number.parse().map_err(|_| not_a_size())?;
    if !(number.is_finite() && number >= 0.0) {
        return Err(not_a_size());
    }
    Ok((number * factor as f64) as u64)
}

/// The most threads of a process: more than any machine has cores.
const WORKERS_MAX: usize = 512;

/// The most processes of a run: each is connected to every other.
const PROCESSES_MAX: usize = 256;

/// Returns the number of cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Parses a number of workers.
pub(crate) fn workers(text: &str) -> Result<usize, String> {
    at_most(text, WORKERS_MAX, "workers in a process; one for each core is right")
        .and_then(|workers| at_least_one(workers, "worker"))
}

/// Parses a number of processes.
pub(crate) fn processes(text: &str) -> Result<usize, String> {
    at_most(text, PROCESSES_MAX, "processes in a run")
        .and_then(|processes| at_least_one(processes, "process"))
}

fn at_least_one(number: usize, unit: &str) -> Result<usize, String> {
    if number == 0 { Err(format!("at least one {unit} is needed")) } else { Ok(number) }
}

fn at_most(text: &str, most: usize, unit: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error| format!("{error}"))?;
    if number > most { Err(format!("at most {most} {unit}")) } else { Ok(number) }
}

/// Parses a count such as `50M` or `1.2B`: suffixes are powers of a thousand.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let not_a_count = || format!("{text} is not a count; write it as 50M, with K, M, G or B, or T");
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" | "B" => 1e9,
        "T" => 1e12,
        _ => return Err(not_a_count()),
    };
    let number: f64 = digits.parse().map_err(|_| not_a_count())?;
    let is_valid = number >= 0.0 && number.is_finite();
    if is_valid { Ok((number * factor) as u64) } else { Err(not_a_count()) }
}

/// Parses a time (`90s`, `10m`, `2h`) or a size of text (`64G`).
pub(crate) fn commit_every(text: &str) -> Result<CommitEvery, String> {
    let seconds = |number: &str, each: f64| {
        let number: f64 = number.parse().ok()?;
        Duration::try_from_secs_f64(number * each).ok().map(CommitEvery::Time)
    };
    let time = match text.char_indices().last() {
        Some((at, 's')) => seconds(&text[..at], 1.0),
        Some((at, 'm')) => seconds(&text[..at], 60.0),
        Some((at, 'h')) => seconds(&text[..at], 3600.0),
        _ => return size(text).map(CommitEvery::Bytes),
    };
    time.ok_or_else(|| format!("{text} is not a time; write it as 10m, or a size as 64G"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            (counted(1, "defect"), counted(0, "file")),
            ("1 defect".into(), "0 files".into())
        );
        assert_eq!(counted(2000, "line"), "2,000 lines");
        for (number, expected) in [
            (9_999, "9,999"),
            (10_000, "10.0 K"),
            (99_950, "100 K"),
            (999_499, "999 K"),
            (999_500, "1.00 M"),
            (12_345_678, "12.3 M"),
            (1_210_000_000_000, "1.21 T"),
            (1_210_000_000_000_000, "1210 T"),
        ] {
            assert_eq!(short_count(number), expected);
        }
        assert_eq!((&*speed(1_000_000, 0.2), &*speed(30_000_000, 2.0)), ("", ", 15.0 MB/s"));
    }

    #[test]
    fn times_are_written_in_one_unit() {
        for (seconds, expected) in [
            (0.04, "0.0 s"),
            (99.9, "99.9 s"),
            (100.0, "1.7 min"),
            (7200.0, "2.0 h"),
            (36e6, "10,000 h"),
        ] {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn sizes_and_times_are_read() {
        assert_eq!(size("4G"), Ok(4 << 30));
        assert_eq!(size("1.5k"), Ok(1536));
        assert_eq!(size("7"), Ok(7));
        assert!(size("4X").unwrap_err().contains("use K, M, G or T"));
        assert!(size("-1").is_err() && size("").is_err());
        assert_eq!(
            (count("50M"), count("1.2b"), count("7")),
            (Ok(50_000_000), Ok(1_200_000_000), Ok(7))
        );
        assert!(count("M").is_err() && count("5X").is_err());
        assert_eq!(commit_every("10m"), Ok(CommitEvery::Time(Duration::from_secs(600))));
        assert_eq!(commit_every("64G"), Ok(CommitEvery::Bytes(64 << 30)));
        assert!(commit_every("xm").is_err());
    }
}
