//! The namespaces of files and categories in each language's Wikipedia.
//!
//! The names are those of `MEDIA_ALIASES` and `CAT_ALIASES` in Hugging Face's `wikipedia` script
//! 2.0.0, for RedPajama's twenty languages. Other languages have the English names.

/// The languages of RedPajama-1T (RedPajama-Data@rp_v1 `data_prep/wiki`).
pub const LANGUAGES: [&str; 20] = [
    "bg", "ca", "cs", "da", "de", "en", "es", "fr", "hr", "hu", "it", "nl", "pl", "pt", "ro", "ru",
    "sl", "sr", "sv", "uk",
];

const MEDIA: &[&str] = &["File", "Image", "Media"];
const CATEGORY: &[&str] = &["Category"];

/// Prefixes of wikilinks to files, and to categories.
#[derive(Clone, Copy)]
pub(crate) struct Prefixes {
    media: &'static [&'static str],
    category: &'static [&'static str],
}

impl Prefixes {
    pub(crate) fn of(language: &str) -> Prefixes {
        let (media, category): (&[&str], &[&str]) = match language {
            "bg" => (&["Медия", "Файл", "Картинка"], &["Категория"]),
            "ca" => (&["Fitxer", "Imatge"], &["Categoria"]),
            "cs" => (&["Soubor", "Média", "Obrázok"], &["Kategorie"]),
            "da" => (&["Billede", "Fil"], &["Kategori"]),
            "de" => (&["Medium", "Datei", "Bild"], &["Kategorie"]),
            "es" => (&["Medio", "Archivo", "Imagen"], &["CAT", "Categoría"]),
            "fr" => (&["Média", "Fichier"], &["Catégorie"]),
            "hr" => (&["Mediji", "DT", "Slika", "F", "Datoteka"], &["CT", "KT", "Kategorija"]),
            "hu" => (&["Kép", "Fájl", "Média"], &["Kategória"]),
            "it" => (&["Immagine"], &["CAT", "Categoria"]),
            "nl" => (&["Bestand", "Afbeelding"], &["Categorie"]),
            "pl" => (&["Plik", "Grafika"], &["Kategoria"]),
            "pt" => (&["Multimédia", "Ficheiro", "Arquivo", "Imagem"], &["Categoria"]),
            "ro" => (&["Fişier", "Imagine", "Fișier"], &["Categorie"]),
            "ru" => (&["Медиа", "Файл", "Изображение"], &["Категория", "К"]),
            "sl" => (&["Slika", "Datoteka"], &["Kategorija"]),
            "sr" => (
                &["Датотека", "Medij", "Slika", "Медија", "Datoteka", "Медиј", "Medija", "Слика"],
                &["Kategorija", "Категорија"],
            ),
            "sv" => (&["Fil", "Bild"], &["Kategori"]),
            "uk" => (
                &["Медіа", "Медиа", "Файл", "Изображение", "Зображення"],
                &["Категория", "Категорія"],
            ),
            _ => (&[], &[]),
        };
        Prefixes { media, category }
    }

    /// Whether a link with this title shows a file.
    pub(crate) fn is_media(self, title: &str) -> bool {
        MEDIA.iter().chain(self.media).any(|prefix| after_prefix(title, prefix).is_some())
    }

    /// Returns the title after the prefix of a category, if it has one.
    pub(crate) fn category(self, title: &str) -> Option<&str> {
        CATEGORY.iter().chain(self.category).find_map(|prefix| after_prefix(title, prefix))
    }
}

/// Returns the title after `prefix`, in any case, and a colon.
fn after_prefix<'a>(title: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = title.chars();
    for expected in prefix.chars() {
        let found = rest.next()?;
        if found != expected && !found.to_lowercase().eq(expected.to_lowercase()) {
            return None;
        }
    }
    rest.as_str().strip_prefix(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_known_in_any_case() {
        let russian = Prefixes::of("ru");
        assert!(russian.is_media("ФАЙЛ:x.jpg") && russian.is_media("image:x.jpg"));
        assert!(!russian.is_media("Файлы:x") && !russian.is_media(":Файл:x"));
        assert_eq!(russian.category("к:Кошки"), Some("Кошки"));
        assert!(!Prefixes::of("en").is_media("Файл:x.jpg"));
        assert_eq!(Prefixes::of("").category("category:"), Some(""));
    }
}
