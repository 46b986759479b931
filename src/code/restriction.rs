//! Clauses that are added to a free licence and forbid some use, such as the Commons Clause.

/// Phrases that restrict use, in the form of [`plain`]. The licences of the families MIT, BSD and
/// Apache have none of them. A licence that has one itself may have it as often as SPDX's text of
/// it.
const PHRASES: [&str; 71] = [
    "996 icu",
    "academic purposes only",
    "academic use only",
    "additional condition",
    "additional limitation",
    "additional restriction",
    "anti 996",
    "are prohibited from",
    "artificial intelligence",
    "business source license",
    "can not be used for",
    "cannot be used by",
    "cannot be used for",
    "commercial purposes",
    "commercial use",
    "commercially",
    "commons clause",
    "competing product",
    "competing service",
    "do no harm",
    "does not grant to you the right to sell",
    "educational purposes only",
    "educational use only",
    "elastic license",
    "ethical",
    "evaluation purposes",
    "field of endeavor",
    "field of endeavour",
    "field of use",
    "fields of use",
    "following restrictions",
    "good not evil",
    "hippocratic",
    "hosted or managed service",
    "human rights",
    "internal use only",
    "is prohibited",
    "law enforcement",
    "machine learning",
    "may not be sold",
    "may not be used by",
    "may not be used for",
    "may not be used in",
    "may not sell",
    "may not use the software for",
    "may not use this software for",
    "military",
    "must not be used by",
    "must not be used for",
    "non commercial",
    "noncommercial",
    "non profit",
    "not be used for",
    "not for commercial",
    "not permitted to",
    "nuclear",
    "only for research",
    "personal use only",
    "polyform",
    "private use only",
    "production use",
    "research only",
    "research purposes only",
    "research use only",
    "right to sell",
    "server side public license",
    "shall not be used",
    "shall not use",
    "strictly prohibited",
    "surveillance",
    "weapon",
];

/// Phrases that allow what one of the phrases above names.
const ALLOWS: [&str; 9] = [
    "commercial and non commercial",
    "commercial and noncommercial",
    "commercial or non commercial",
    "commercial or noncommercial",
    "non commercial and commercial",
    "non commercial or commercial",
    "commercial use is allowed",
    "commercial use is permitted",
    "including commercial use",
];

/// Returns the words of a text in lower case, separated by single blanks.
pub(crate) fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut plain = String::with_capacity(text.len() + 2);
    for word in words {
        plain.push(' ');
        plain.extend(word.chars().flat_map(char::to_lowercase));
    }
    plain.push(' ');
    plain
}

/// Returns the first restricting phrase that occurs more often in `text` than in the licences
/// `granted`. All texts are [`plain`].
pub(crate) fn restriction(text: &str, granted: &[String]) -> Option<&'static str> {
    let mut text = text.to_owned();
    for allows in ALLOWS {
        text = text.replace(&format!(" {allows} "), " ");
    }
    PHRASES.into_iter().find(|phrase| {
        // The last word may be longer: "additional restrictions".
        let count = |text: &str| text.matches(&format!(" {phrase}")).count();
        let of_licences: usize = granted.iter().map(|licence| count(licence)).sum();
        count(&text) > of_licences
    })
}
