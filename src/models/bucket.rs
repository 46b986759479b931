//! CCNet's buckets of pages by perplexity (`cc_net/perplexity.py: PerplexityBucket`).

/// The rank of a page's perplexity among the pages of its language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Below the 30th percentile.
    Head,
    /// From the 30th to below the 60th.
    Middle,
    /// The 60th percentile and above.
    Tail,
    /// Unknown: the page has no perplexity, or its language no percentiles.
    All,
}

impl Bucket {
    /// Returns CCNet's name of the bucket.
    pub fn name(self) -> &'static str {
        match self {
            Bucket::Head => "head",
            Bucket::Middle => "middle",
            Bucket::Tail => "tail",
            Bucket::All => "all",
        }
    }
}

/// Returns the bucket of a page in `language` with a perplexity rounded as by
/// [`crate::perplexity`].
///
/// ```
/// use models::{Bucket, bucket};
///
/// assert_eq!(bucket("en", Some(100.0)), Bucket::Head);
/// assert_eq!(bucket("en", None), Bucket::All);
/// ```
pub fn bucket(language: &str, perplexity: Option<f64>) -> Bucket {
    let percentiles = PERCENTILES.binary_search_by_key(&language, |(code, ..)| code);
    let (Ok(at), Some(perplexity)) = (percentiles, perplexity.filter(|found| *found >= 0.0)) else {
        return Bucket::All;
    };
    let (_, p30, p60) = PERCENTILES[at];
    match perplexity {
        head if head < p30 => Bucket::Head,
        middle if middle < p60 => Bucket::Middle,
        _ => Bucket::Tail,
    }
}

/// Language, 30th and 60th percentile of perplexity, sorted (`cc_net/data/cutoff.csv`).
#[rustfmt::skip]
const PERCENTILES: [(&str, f64, f64); 48] = [
    ("af", 540.0, 770.0), ("ar", 490.0, 790.0), ("az", 600.0, 950.0), ("be", 670.0, 910.0),
    ("bg", 450.0, 680.0), ("bn", 190.0, 300.0), ("ca", 210.0, 330.0), ("cs", 820.0, 1140.0),
    ("da", 380.0, 600.0), ("de", 370.0, 590.0), ("el", 450.0, 670.0), ("en", 340.0, 520.0),
    ("es", 180.0, 290.0), ("et", 1270.0, 1620.0), ("fa", 370.0, 700.0), ("fi", 1110.0, 1500.0),
    ("fr", 180.0, 330.0), ("gu", 1110.0, 1570.0), ("he", 1280.0, 1710.0), ("hi", 480.0, 790.0),
    ("hr", 720.0, 910.0), ("hu", 80.0, 140.0), ("hy", 750.0, 1080.0), ("id", 600.0, 970.0),
    ("is", 850.0, 1190.0), ("it", 220.0, 360.0), ("ja", 1110.0, 1450.0), ("ka", 910.0, 1310.0),
    ("kk", 610.0, 930.0), ("km", 1040.0, 2180.0), ("kn", 2210.0, 2800.0), ("ko", 920.0, 2130.0),
    ("lt", 190.0, 270.0), ("lv", 1130.0, 1480.0), ("mk", 530.0, 740.0), ("ml", 2430.0, 3220.0),
    ("mn", 680.0, 1010.0), ("mr", 1380.0, 1870.0), ("my", 2530.0, 3040.0), ("ne", 860.0, 1130.0),
    ("nl", 430.0, 650.0), ("no", 430.0, 680.0), ("pl", 160.0, 260.0), ("pt", 170.0, 270.0),
    ("ro", 180.0, 270.0), ("ru", 210.0, 310.0), ("uk", 140.0, 220.0), ("zh", 1460.0, 1950.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_and_percentiles_are_sorted() {
        assert!(PERCENTILES.is_sorted_by(|left, right| left.0 < right.0));
        assert!(PERCENTILES.iter().all(|(_, p30, p60)| p30 < p60));
        let sum =
            PERCENTILES.iter().fold((0.0, 0.0), |sum, (_, p30, p60)| (sum.0 + p30, sum.1 + p60));
        assert_eq!(sum, (34420.0, 49580.0), "a number differs from upstream's");
    }

    #[test]
    fn each_percentile_begins_the_next_bucket() {
        for (language, p30, p60) in PERCENTILES {
            assert_eq!(bucket(language, Some(0.0)), Bucket::Head);
            assert_eq!(bucket(language, Some(p30 - 0.1)), Bucket::Head);
            assert_eq!(bucket(language, Some(p30)), Bucket::Middle);
            assert_eq!(bucket(language, Some(p60 - 0.1)), Bucket::Middle);
            assert_eq!(bucket(language, Some(p60)), Bucket::Tail);
        }
    }

    #[test]
    fn pages_that_cannot_be_ranked_are_in_bucket_all() {
        assert_eq!(bucket("xx", Some(10.0)), Bucket::All);
        assert_eq!(bucket("en", None), Bucket::All);
        assert_eq!(bucket("en", Some(-1.0)), Bucket::All);
        assert_eq!(bucket("en", Some(f64::NAN)).name(), "all");
    }
}
