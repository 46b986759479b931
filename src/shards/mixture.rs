//! How often the documents of each label are in an export.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most copies of a document: beyond, a mixture is a mistake.
pub const EPOCHS_MAX: f64 = 1000.0;

/// The weights of slices and labels. Names are `slice` or `slice/label`; a label's own weight takes the
/// place of its slice's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// How often each document is there: 2.5 is twice, and half of them once more.
    Epochs(BTreeMap<String, f64>),
    /// Parts of all tokens. Their sum need not be 1; those of names that the corpus does not have go to
    /// the others.
    Shares(BTreeMap<String, f64>),
}

/// A mixture of slices and labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// What it is called: a preset or a file.
    pub name: String,
    /// The weights.
    #[serde(flatten)]
    pub weights: Weights,
    /// Tokens of the whole. Without a number, shares are of as many tokens as there are, and epochs are
    /// as they are given; with one, epochs are multiplied to reach it.
    pub tokens: Option<u64>,
}

/// What a label has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents with tokens.
    pub documents: u64,
    /// Their tokens, with those around documents.
    pub tokens: u64,
}

/// A label in the plan of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelPlan {
    /// Its slice.
    pub slice: String,
    /// Its name.
    pub label: String,
    /// Its documents that have tokens.
    pub documents: u64,
    /// Tokens that are there.
    pub tokens: u64,
    /// Tokens that are asked for.
    pub asked: u64,
    /// How often each document is there.
    pub epochs: f64,
}

/// What an export with a mixture will have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Tokens that are there.
    pub tokens: u64,
    /// Tokens that are asked for.
    pub asked: u64,
    /// The labels, in the order of the corpus.
    pub labels: Vec<LabelPlan>,
}

impl Mixture {
    /// Returns the plan for these labels: slice, name and totals of each.
    ///
    /// # Errors
    /// Returns a message if a label has no weight, a weight cannot be reached, or nothing is asked for.
    pub fn plan(&self, labels: &[(&str, &str, Totals)]) -> Result<Plan, String> {
        let (Weights::Epochs(weights) | Weights::Shares(weights)) = &self.weights;
        let mut of_label = Vec::new();
        for (slice, label, _) in labels {
            let full = format!("{slice}/{label}");
            let entry = weights.get_key_value(&full).or_else(|| weights.get_key_value(*slice));
            let (name, weight) = entry.ok_or_else(|| {
                format!("{}: {full} has no weight; give it one, 0 leaves it out", self.name)
            })?;
            of_label.push((name.as_str(), *weight));
        }
        let there: Vec<u64> = labels.iter().map(|(.., totals)| totals.tokens).collect();
        let epochs = match &self.weights {
            Weights::Epochs(_) => self.scaled(&of_label, &there)?,
            Weights::Shares(_) => self.shared(&of_label, &there)?,
        };
        let planned =
            labels.iter().zip(&epochs).map(|((slice, label, totals), &epochs)| LabelPlan {
                slice: (*slice).to_owned(),
                label: (*label).to_owned(),
                documents: totals.documents,
                tokens: totals.tokens,
                asked: (epochs * totals.tokens as f64).round() as u64,
                epochs,
            });
        let labels: Vec<LabelPlan> = planned.collect();
        let sum = |of: fn(&LabelPlan) -> u64| labels.iter().map(of).sum();
        let (tokens, asked) = (sum(|label| label.tokens), sum(|label| label.asked));
        let plan = Plan { tokens, asked, labels };
        if let Some(most) = plan.labels.iter().find(|label| label.epochs > EPOCHS_MAX) {
            return Err(format!(
                "{}: {}/{} has {} tokens, and {} are asked for: {:.0} copies, but at most {EPOCHS_MAX} \
                 are allowed; ask for fewer tokens, or give it a smaller weight",
                self.name, most.slice, most.label, most.tokens, most.asked, most.epochs
            ));
        }
        Ok(plan)
    }

    /// Epochs, multiplied to reach the number of tokens.
    fn scaled(&self, weights: &[(&str, f64)], there: &[u64]) -> Result<Vec<f64>, String> {
        let Some(wanted) = self.tokens else {
            return Ok(weights.iter().map(|(_, epochs)| *epochs).collect());
        };
        let sum: f64 = weights.iter().zip(there).map(|((_, epochs), n)| epochs * *n as f64).sum();
        if sum <= 0.0 {
            return Err(self.nothing());
        }
        Ok(weights.iter().map(|(_, epochs)| epochs * wanted as f64 / sum).collect())
    }

    /// Epochs that make the tokens of each name its share.
    fn shared(&self, weights: &[(&str, f64)], there: &[u64]) -> Result<Vec<f64>, String> {
        let mut groups: BTreeMap<&str, (f64, u64)> = BTreeMap::new();
        for ((name, share), tokens) in weights.iter().zip(there) {
            let (_, sum) = groups.entry(name).or_insert((*share, 0));
            *sum += tokens;
        }
        let asked = groups.values().filter(|(share, _)| *share > 0.0);
        let (shares, all) =
            asked.fold((0.0, 0u64), |(shares, all), (share, there)| (shares + share, all + there));
        if shares <= 0.0 {
            return Err(self.nothing());
        }
        let wanted = self.tokens.unwrap_or(all) as f64;
        let mut epochs = BTreeMap::new();
        for (name, (share, there)) in groups {
            if share > 0.0 && there == 0 {
                return Err(format!(
                    "{}: {name} has no tokens, and {:.1} % of all are asked for; give it the weight 0",
                    self.name,
                    100.0 * share / shares
                ));
            }
            let asked = share / shares * wanted;
            epochs.insert(name, if there == 0 { 0.0 } else { asked / there as f64 });
        }
        Ok(weights.iter().map(|(name, _)| epochs[name]).collect())
    }

    fn nothing(&self) -> String {
        format!("{}: nothing of the exported labels has a weight above 0", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LABELS: [(&str, &str, Totals); 3] = [
        ("books", "pg19", Totals { documents: 10, tokens: 100 }),
        ("c4", "en", Totals { documents: 50, tokens: 1000 }),
        ("c4", "de", Totals { documents: 50, tokens: 500 }),
    ];

    fn weights(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
        of.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    }

    fn epochs(weights: Weights, tokens: Option<u64>) -> Result<Vec<f64>, String> {
        let mixture = Mixture { name: "m".into(), weights, tokens };
        let plan = mixture.plan(&LABELS)?;
        Ok(plan.labels.iter().map(|label| (1e6 * label.epochs).round() / 1e6).collect())
    }

    #[test]
    fn shares_are_of_all_tokens_and_labels_of_a_slice_have_the_same_epochs() {
        let shares = || Weights::Shares(weights(&[("books", 0.25), ("c4", 0.75)]));
        assert_eq!(epochs(shares(), Some(400)).unwrap(), [1.0, 0.2, 0.2]);
        // 1,600 tokens are there.
        assert_eq!(epochs(shares(), None).unwrap(), [4.0, 0.8, 0.8]);
        let with_absent = weights(&[("books", 0.2), ("c4", 0.6), ("arxiv", 0.2)]);
        assert_eq!(epochs(Weights::Shares(with_absent), Some(400)).unwrap(), [1.0, 0.2, 0.2]);
        let own = weights(&[("books", 1.0), ("c4", 2.0), ("c4/de", 1.0)]);
        assert_eq!(epochs(Weights::Shares(own), Some(400)).unwrap(), [1.0, 0.2, 0.2]);
        let without = weights(&[("books", 1.0), ("c4", 0.0)]);
        assert_eq!(epochs(Weights::Shares(without), None).unwrap(), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn epochs_are_as_given_or_multiplied_to_reach_the_tokens() {
        let given = || Weights::Epochs(weights(&[("books", 2.0), ("c4", 0.5), ("c4/de", 1.0)]));
        assert_eq!(epochs(given(), None).unwrap(), [2.0, 0.5, 1.0]);
        // 200 + 500 + 500
        assert_eq!(epochs(given(), Some(2400)).unwrap(), [4.0, 1.0, 2.0]);
    }

    #[test]
    fn the_plan_has_what_is_there_and_what_is_asked_for() {
        let weights = Weights::Epochs(weights(&[("books", 2.5), ("c4", 0.5)]));
        let mixture = Mixture { name: "m".into(), weights, tokens: None };
        let plan = mixture.plan(&LABELS).unwrap();
        assert_eq!((plan.tokens, plan.asked), (1600, 1000));
        let books = &plan.labels[0];
        assert_eq!((books.documents, books.tokens, books.asked, books.epochs), (10, 100, 250, 2.5));
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_shares_are_reached(
            tokens in prop::collection::vec(1_000u64..1_000_000, 3),
            shares in prop::collection::vec(0.01f64..10.0, 2),
            wanted in 1_000u64..1_000_000,
        ) {
            let totals = |at: usize| Totals { documents: 1, tokens: tokens[at] };
            let labels = [("a", "x", totals(0)), ("a", "y", totals(1)), ("b", "x", totals(2))];
            let weights = Weights::Shares(weights(&[("a", shares[0]), ("b", shares[1])]));
            let mixture = Mixture { name: "m".into(), weights, tokens: Some(wanted) };
            // More copies than are allowed are the only reason to refuse.
            let Ok(plan) = mixture.plan(&labels) else {
                prop_assert!(wanted > 1_000 * tokens.iter().min().unwrap());
                return Ok(());
            };
            prop_assert!(plan.asked.abs_diff(wanted) <= 2, "{plan:?}");
            let b = plan.labels[2].asked as f64 / wanted as f64;
            prop_assert!((b - shares[1] / (shares[0] + shares[1])).abs() < 0.01, "{plan:?}");
            prop_assert_eq!(plan.labels[0].epochs, plan.labels[1].epochs);
        }
    }

    #[test]
    fn what_cannot_be_mixed_is_said() {
        for (weights, tokens, expected) in [
            (Weights::Shares(weights(&[("c4", 1.0)])), None, "books/pg19 has no weight"),
            (Weights::Shares(weights(&[("books", 0.0), ("c4", 0.0)])), None, "nothing of the"),
            (Weights::Epochs(weights(&[("books", 0.0), ("c4", 0.0)])), Some(9), "nothing of the"),
            (
                Weights::Shares(weights(&[("books", 1.0), ("c4", 1.0)])),
                Some(1_000_000),
                "books/pg19 has 100 tokens, and 500000 are asked for: 5000 copies",
            ),
        ] {
            let error = epochs(weights, tokens).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let empty = [("books", "a", Totals::default()), LABELS[1]];
        let shares = Weights::Shares(weights(&[("books", 0.5), ("c4", 0.5)]));
        let mixture = Mixture { name: "m".into(), weights: shares, tokens: None };
        let error = mixture.plan(&empty).unwrap_err();
        assert!(error.contains("books has no tokens, and 50.0 % of all"), "{error}");
    }
}
