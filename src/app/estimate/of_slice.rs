//! From the sample of a slice to all of it, but for what follows from the size of the indexes.

use super::amounts::{Amounts, Quantity};
use super::growth::{Novelty, Point, novelty};
use super::measure::Measured;
use std::collections::BTreeMap;

/// A first stage that took longer than the others by this share also loaded models.
const LOADING_MIN: f64 = 0.2;

/// Copies must be found for the effect of copies to be measured.
const NOVELTY_LOSS_MIN: f64 = 0.05;

/// The sample of a slice.
pub(crate) struct SliceSample {
    pub name: String,
    pub labels: Vec<LabelSample>,
}

/// The sample of a label.
pub(crate) struct LabelSample {
    /// Bytes as stored, of the sources that are not read completely.
    pub left: f64,
    /// Records of the first of these that are read.
    pub records_done: f64,
    /// Bytes of the largest of these.
    pub largest: f64,
    /// CPU seconds to read a stored byte.
    pub reading: f64,
    pub stages: Vec<Measured>,
    /// The same parts when they were new and when they were copies.
    pub repeated: Vec<(Measured, Measured)>,
}

/// How the share of new text of a slice falls.
#[derive(Clone, Debug)]
pub(crate) struct Grown {
    pub slice: String,
    /// In the sample.
    pub sampled: f64,
    /// In the whole.
    pub whole: Novelty,
    /// Whether copies in other parts were not recognised: the recipe compares within parts of a
    /// label, which the sample does not have as a whole.
    pub is_unseen: bool,
}

/// The forecast of a slice.
pub(crate) struct OfSlice {
    pub left: f64,
    pub amounts: Amounts,
    /// Standard deviations, as amounts.
    pub deviations: BTreeMap<Quantity, f64>,
    pub once: f64,
    pub reading: f64,
    pub seconds_least: f64,
    pub grown: Option<Grown>,
    /// All its stages.
    pub sum: Measured,
}

/// Forecasts a slice from its sample.
pub(crate) fn of_slice(slice: &SliceSample) -> OfSlice {
    let mut sum = Measured::default();
    slice.labels.iter().flat_map(|label| &label.stages).for_each(|stage| sum.add(stage));
    let mut found = OfSlice {
        left: 0.0,
        amounts: Amounts::default(),
        deviations: BTreeMap::new(),
        once: 0.0,
        reading: 0.0,
        seconds_least: 0.0,
        grown: None,
        sum,
    };
    let effect = CopyEffect::of(slice);
    let mut variances: BTreeMap<Quantity, f64> = BTreeMap::new();
    for (number, label) in slice.labels.iter().enumerate() {
        // A label of which nothing could be read is taken to be as the others.
        let mut stages = match &label.stages[..] {
            [] => vec![found.sum.clone()],
            stages => stages.to_vec(),
        };
        if number == 0 {
            found.once = loading(&stages, effect.as_ref());
            let cpu = stages[0].amounts.of(&Quantity::Cpu) - found.once;
            stages[0].amounts.set(Quantity::Cpu, cpu);
        }
        let mut label_sum = Measured::default();
        stages.iter().for_each(|stage| label_sum.add(stage));
        let left = left(label, &label_sum);
        let scale = left / label_sum.stored.max(1.0);
        found.left += left;
        found.reading += label.reading * left;
        found.seconds_least = found.seconds_least.max(label.reading * label.largest);
        found.amounts.add(&label_sum.amounts.scaled(|_| scale));
        for (quantity, variance) in spread(&stages, effect.as_ref(), scale) {
            *variances.entry(quantity).or_default() += variance;
        }
    }
    found.deviations = variances.into_iter().map(|(quantity, v)| (quantity, v.sqrt())).collect();
    grow(slice, effect.as_ref(), &mut found);
    found
}

/// How amounts change with the share of what is new, measured with parts that were added twice.
/// Between new parts and copies of them, everything is taken to change evenly.
struct CopyEffect {
    new: Amounts,
    copies: Amounts,
}

impl CopyEffect {
    /// `None` if nothing was added twice.
    fn of(slice: &SliceSample) -> Option<CopyEffect> {
        let (mut new, mut copies) = (Amounts::default(), Amounts::default());
        let repeated = slice.labels.iter().flat_map(|label| &label.repeated);
        for (first, again) in repeated {
            new.add(&first.amounts);
            copies.add(&again.amounts);
        }
        (new != Amounts::default()).then_some(CopyEffect { new, copies })
    }

    /// By how much less of what is compared is new in copies.
    fn loss(&self) -> f64 {
        self.new.novelty() - self.copies.novelty()
    }

    /// Whether copies are recognised.
    fn is_seen(&self) -> bool {
        self.loss() >= NOVELTY_LOSS_MIN
    }

    /// The amount of a quantity if `novelty` is the share of what is new, relative to that of the
    /// parts when they were new.
    fn at(&self, quantity: &Quantity, novelty: f64) -> f64 {
        let amount = self.new.of(quantity);
        if amount == 0.0 || !self.is_seen() {
            return 1.0;
        }
        let change = self.copies.of(quantity) / amount - 1.0;
        (1.0 + change * (self.new.novelty() - novelty) / self.loss()).max(0.0)
    }
}

/// Bytes of a label that are left, without the records of its first source that are read.
fn left(label: &LabelSample, sampled: &Measured) -> f64 {
    let records = sampled.amounts.of(&Quantity::Read) / sampled.stored.max(1.0);
    let done = if records > 0.0 { label.records_done / records } else { 0.0 };
    (label.left - done).max(0.0)
}

/// CPU seconds by which the first stage exceeds the others, beyond what copies explain: models that
/// are loaded when they are first needed.
fn loading(stages: &[Measured], effect: Option<&CopyEffect>) -> f64 {
    let [first, others @ ..] = stages else { return 0.0 };
    if others.len() < 2 {
        return 0.0;
    }
    let at = |stage: &Measured| expected(effect, &Quantity::Cpu, stage);
    let cpu = |stage: &Measured| stage.amounts.of(&Quantity::Cpu);
    let (stored, seconds) = others
        .iter()
        .fold((0.0, 0.0), |sum, stage| (sum.0 + stage.stored, sum.1 + cpu(stage) / at(stage)));
    let usual = seconds / f64::max(stored, 1.0) * first.stored * at(first);
    let more = cpu(first) - usual;
    if more > LOADING_MIN * usual { more } else { 0.0 }
}

/// The amount of a quantity that a stage has because of its share of new text, relative to others.
fn expected(effect: Option<&CopyEffect>, quantity: &Quantity, stage: &Measured) -> f64 {
    let at = effect.map_or(1.0, |effect| effect.at(quantity, stage.amounts.novelty()));
    at.max(f64::MIN_POSITIVE)
}

/// The variance of the forecast of each quantity, by how the stages differ beyond what copies
/// explain: that of a ratio to the bytes as stored. Empty with one stage.
fn spread(stages: &[Measured], effect: Option<&CopyEffect>, scale: f64) -> BTreeMap<Quantity, f64> {
    let count = stages.len() as f64;
    let mut variances = BTreeMap::new();
    if stages.len() < 2 {
        return variances;
    }
    let stored: f64 = stages.iter().map(|stage| stage.stored).sum();
    // What is sampled is known.
    let unknown = (1.0 - 1.0 / scale.max(1.0)).max(0.0);
    let same = |stage: &Measured, quantity: &Quantity| {
        stage.amounts.of(quantity) / expected(effect, quantity, stage)
    };
    for quantity in stages[0].amounts.quantities() {
        let total: f64 = stages.iter().map(|stage| same(stage, quantity)).sum();
        let miss =
            |stage: &Measured| same(stage, quantity) - total * stage.stored / stored.max(1.0);
        let squares: f64 = stages.iter().map(|stage| miss(stage).powi(2)).sum();
        let variance = squares * count / (count - 1.0) * scale.powi(2) * unknown;
        variances.insert(quantity.clone(), variance);
    }
    variances
}

/// Corrects the forecast for the copies that the sample did not meet.
fn grow(slice: &SliceSample, effect: Option<&CopyEffect>, found: &mut OfSlice) {
    let Some(effect) = effect else { return };
    let stages = slice.labels.iter().map(|label| label.stages.len()).max().unwrap_or(0);
    let mut points: Vec<Point> = Vec::new();
    for stage in 0..stages {
        let mut point = points.last().copied().unwrap_or(Point { compared: 0.0, new: 0.0 });
        for measured in slice.labels.iter().filter_map(|label| label.stages.get(stage)) {
            let compared = measured.amounts.of(&Quantity::Compared);
            point.compared += compared;
            point.new += compared * measured.amounts.novelty();
        }
        points.push(point);
    }
    let total = found.amounts.of(&Quantity::Compared);
    let sampled = found.sum.amounts.novelty();
    let whole = novelty(&points, total);
    if total > 0.0 && found.sum.amounts.of(&Quantity::Repeats) > 0.0 {
        let (slice, is_unseen) = (slice.name.clone(), !effect.is_seen());
        found.grown = Some(Grown { slice, sampled, whole, is_unseen });
    }
    let before = found.amounts.clone();
    let at = |quantity: &Quantity, novelty: f64| {
        effect.at(quantity, novelty) / effect.at(quantity, sampled).max(f64::MIN_POSITIVE)
    };
    found.amounts = before.scaled(|quantity| at(quantity, whole.share));
    for (quantity, deviation) in &mut found.deviations {
        let more = at(quantity, whole.share + whole.deviation) - at(quantity, whole.share);
        *deviation = deviation.hypot(before.of(quantity) * more);
    }
}
