//! arXiv's identifiers, from the names of its files.

/// Returns the name of a file without the endings of e-prints.
pub(super) fn stem(name: &str) -> String {
    // Names of folders have no endings.
    if let Some(folder) = name.strip_suffix('/') {
        return folder.to_owned();
    }
    let mut stem = name;
    for ending in [".gz", ".tgz", ".pdf", ".tar", ".tex"] {
        stem = stem.strip_suffix(ending).filter(|rest| !rest.is_empty()).unwrap_or(stem);
    }
    stem.to_owned()
}

/// Returns the identifier as arXiv writes it (RedPajama `data_prep/arxiv/utils.py`:
/// `format_arxiv_id`): `hep-th9901001` is `hep-th/9901001`. `0704.0001` and anything else stays as it
/// is.
///
/// ```
/// use formats::eprint::arxiv_id;
///
/// assert_eq!(arxiv_id("hep-th9901001"), "hep-th/9901001");
/// assert_eq!(arxiv_id("0704.0001"), "0704.0001");
/// ```
pub fn arxiv_id(stem: &str) -> String {
    let is_archive = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'-';
    let archive = stem.bytes().take_while(|byte| is_archive(byte)).count();
    let (archive, number) = stem.split_at(archive);
    let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if archive.is_empty() || number.is_empty() || !number.bytes().all(is_number) {
        return stem.to_owned();
    }
    format!("{archive}/{number}")
}

/// Returns the year and month of a paper, as `YYMM`: the name of its folder in a bulk archive, else the
/// first digits of its identifier, in either of arXiv's forms. Empty if neither has them.
pub fn yymm<'a>(folder: &'a str, stem: &'a str) -> &'a str {
    let month = |text: &'a str| {
        let digits = text.get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        digits[2..].parse().is_ok_and(|month: u8| (1..=12).contains(&month)).then_some(digits)
    };
    let number = stem.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '-');
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let is_id = digits == 7 || digits == 4 && number[digits..].starts_with('.');
    let of_id = || month(number).filter(|_| is_id);
    Some(folder).filter(|folder| folder.len() == 4).and_then(month).or_else(of_id).unwrap_or("")
}

/// Formats seconds since 1970 as a date and time in UTC, without a zone (`datetime.isoformat`; upstream
/// uses the local time of the machine that it runs on).
pub fn iso_time(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March 0000, in eras of 400 years, which all have the same calendar.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}
