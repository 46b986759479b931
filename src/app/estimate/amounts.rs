//! What a build takes and makes, as amounts that can be added and scaled.

use corpus::Label;
use std::collections::BTreeMap;

/// Something that a build takes or makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantity {
    /// CPU seconds.
    Cpu,
    /// Documents read.
    Read,
    /// Documents kept.
    Kept,
    /// Bytes of text read.
    TextRead,
    /// Bytes of text kept.
    TextKept,
    /// Tokens of the text kept.
    Tokens,
    /// Bytes of `data/`.
    Data,
    /// Bytes of `ledger/`.
    Ledger,
    /// What was compared with everything before: paragraphs if there are any, else documents.
    Compared,
    /// Of these, repeats.
    Repeats,
    /// Facts about duplicates.
    Facts,
    /// Keys added to an index.
    Keys(String),
}

/// Amounts by quantity; what is not there is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Amounts(BTreeMap<Quantity, f64>);

impl Amounts {
    /// What a complete label has, apart from CPU time and keys.
    pub fn of_label(label: &Label) -> Amounts {
        let counts = &label.counts;
        let repeats = counts.dropped.iter().filter(|(reason, _)| reason.contains("duplicate"));
        let documents: u64 = repeats.map(|(_, count)| count).sum();
        let paragraphs = counts.paragraphs;
        let (compared, repeats) = match paragraphs.read {
            0 => (counts.read, documents),
            _ => (paragraphs.read, paragraphs.duplicate),
        };
        let bytes = |files: &[corpus::File]| files.iter().map(|file| file.bytes).sum::<u64>();
        let all = [
            (Quantity::Read, counts.read),
            (Quantity::Kept, counts.kept),
            (Quantity::TextRead, counts.bytes_read),
            (Quantity::TextKept, counts.bytes_kept),
            (Quantity::Tokens, counts.tokens.unwrap_or(0)),
            (Quantity::Data, bytes(&label.segments)),
            (Quantity::Ledger, bytes(&label.ledger)),
            (Quantity::Compared, compared),
            (Quantity::Repeats, repeats),
            (Quantity::Facts, paragraphs.duplicate + documents),
        ];
        Amounts(all.into_iter().map(|(quantity, amount)| (quantity, amount as f64)).collect())
    }

    /// The amount of a quantity.
    pub fn of(&self, quantity: &Quantity) -> f64 {
        self.0.get(quantity).copied().unwrap_or(0.0)
    }

    /// Sets the amount of a quantity.
    pub fn set(&mut self, quantity: Quantity, amount: f64) {
        self.0.insert(quantity, amount);
    }

    /// Adds other amounts.
    pub fn add(&mut self, other: &Amounts) {
        for (quantity, amount) in &other.0 {
            *self.0.entry(quantity.clone()).or_default() += amount;
        }
    }

    /// Returns each amount multiplied by a factor of its quantity.
    pub fn scaled(&self, factor: impl Fn(&Quantity) -> f64) -> Amounts {
        let scaled =
            |(quantity, amount): (&Quantity, &f64)| (quantity.clone(), amount * factor(quantity));
        Amounts(self.0.iter().map(scaled).collect())
    }

    /// The quantities that there are.
    pub fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        self.0.keys()
    }

    /// The keys added to each index.
    pub fn keys(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter_map(|(quantity, amount)| match quantity {
            Quantity::Keys(index) => Some((index.as_str(), *amount)),
            _ => None,
        })
    }

    /// The share of what was compared that was new; 1 if nothing was compared.
    pub fn novelty(&self) -> f64 {
        let compared = self.of(&Quantity::Compared);
        if compared > 0.0 { 1.0 - self.of(&Quantity::Repeats) / compared } else { 1.0 }
    }
}
