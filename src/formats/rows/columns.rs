//! The names of the same column in published data sets.
//!
//! Each column has our name. If a table has no column of that name, the first known other name that it
//! has counts.

use super::Field;

/// The names of the columns of one kind of table: ours, another one, and the data sets with that one.
pub struct Names(&'static [(&'static str, &'static str, &'static str)]);

/// Pages of the web.
pub const PAGES: Names = Names(&[
    (
        "text",
        "text",
        "allenai/c4 and mC4, CulturaX, FineWeb, OSCAR 21.09 and 22.01, Dolma, RedPajama",
    ),
    ("text", "content", "OSCAR 22.01 and later"),
    ("text", "raw_content", "RedPajama-Data-V2"),
    ("timestamp", "timestamp", "allenai/c4, CulturaX"),
    ("timestamp", "date", "FineWeb"),
    ("timestamp", "date_download", "RedPajama-Data-V2"),
    ("timestamp", "created", "Dolma"),
    ("url", "url", "allenai/c4, CulturaX, FineWeb, RedPajama-Data-V2"),
    ("language", "language", "FineWeb, RedPajama-Data-V2"),
    ("language", "lang", "OSCAR"),
]);

/// Books.
pub const BOOKS: Names = Names(&[
    ("text", "text", "PG19, RedPajama, manu/project_gutenberg, the Pile"),
    ("text", "TEXT", "sedthh/gutenberg_english"),
    ("text", "content", "Standardized Project Gutenberg Corpus"),
    ("text", "book_text", "collections of books"),
]);

/// Source files.
pub const CODE: Names = Names(&[
    ("content", "content", "BigQuery, The Stack, starcoderdata, starcoder2data"),
    ("content", "code", "codeparrot/github-code"),
    ("path", "path", "BigQuery, the-stack-smol, starcoder2data"),
    ("path", "max_stars_repo_path", "The Stack, starcoderdata"),
    ("path", "file_path", "other tables"),
    ("repo_name", "repo_name", "BigQuery, github-code, starcoder2data"),
    ("repo_name", "max_stars_repo_name", "The Stack, starcoderdata"),
    ("repo_name", "repository_name", "the-stack-smol"),
    ("license", "license", "BigQuery, github-code"),
    ("license", "max_stars_repo_licenses", "The Stack"),
    ("license", "licenses", "the-stack-smol"),
    ("license", "detected_licenses", "the-stack-v2, starcoder2data"),
]);

impl Names {
    /// Renames each known column to our name, unless there is a column of that name.
    pub fn rename(&self, fields: &mut [Field]) {
        for (own, other, _) in self.0 {
            if fields.iter().any(|(name, _)| name == own) {
                continue;
            }
            if let Some((name, _)) = fields.iter_mut().find(|(name, _)| name == other) {
                (*own).clone_into(name);
            }
        }
    }

    /// Describes the defect of a record that lacks the column, or has it in another type.
    pub fn missing(&self, own: &str, fields: &[Field]) -> String {
        if let Some((_, value)) = fields.iter().find(|(name, _)| name == own) {
            return format!("the column {own} has {}, not text", kind(value.get()));
        }
        let known = self.0.iter().filter(|(name, ..)| *name == own).map(|(_, other, _)| *other);
        let known: Vec<&str> = known.collect();
        let found = Names::listed(fields.iter().map(|(name, _)| name.as_str()));
        format!(
            "no column {own} with text (known names: {}); its columns: {found}",
            known.join(", ")
        )
    }

    /// Lists names of columns, as many as fit into a message.
    pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
        const LISTED_MAX: usize = 12;
        const NAME_CHARS_MAX: usize = 30;
        let names: Vec<String> =
            names.map(|name| name.chars().take(NAME_CHARS_MAX).collect()).collect();
        match names.len() {
            0 => "none".to_owned(),
            1..=LISTED_MAX => names.join(", "),
            all => format!("{} and {} more", names[..LISTED_MAX].join(", "), all - LISTED_MAX),
        }
    }
}

fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a text that cannot be read",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    }
}
