//! Sizes, counts and times as people write them.

use engine::CommitEvery;
use std::time::Duration;

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
}

/// Parses a number of processes.
pub(crate) fn processes(text: &str) -> Result<usize, String> {
    at_most(text, PROCESSES_MAX, "processes in a run")
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
