//! Ranks the labels by the average of a text's features (`loss.cc`).

use super::args::Loss;
use super::matrix::Matrix;

/// The output layer.
pub(super) struct Output {
    weights: Matrix,
    labels: u32,
    kind: Kind,
}

enum Kind {
    Softmax,
    /// A table of the logistic function, as coarse as fastText's.
    Independent(Vec<f32>),
    /// Inner nodes of the Huffman tree, the root last.
    Tree(Vec<Inner>),
}

/// A choice between two nodes. A node below the number of labels is a label; any other is the inner
/// node with that number minus the number of labels.
#[derive(Clone, Copy)]
struct Inner {
    left: u32,
    right: u32,
}

/// fastText's logarithm: never of zero, so probabilities are up to 0.00001 larger.
fn log(probability: f64) -> f32 {
    (f64::from(probability as f32) + 1e-5).ln() as f32
}

impl Output {
    /// `counts` has the number of occurrences of each label in the training data.
    pub(super) fn new(loss: Loss, weights: Matrix, counts: &[i64]) -> Result<Self, String> {
        if counts.is_empty() || weights.rows != counts.len() as u64 {
            return Err(format!("{} output rows for {} labels", weights.rows, counts.len()));
        }
        let kind = match loss {
            Loss::Softmax => Kind::Softmax,
            Loss::Independent => Kind::Independent(sigmoid_table()),
            Loss::HierarchicalSoftmax => Kind::Tree(huffman_tree(counts)?),
        };
        Ok(Self { weights, labels: counts.len() as u32, kind })
    }

    /// Offers every label that may be among the best to `ranking`.
    pub(super) fn rank(&self, hidden: &[f32], ranking: &mut Ranking) {
        match &self.kind {
            Kind::Softmax => self.rank_softmax(hidden, ranking),
            Kind::Independent(table) => {
                for label in 0..self.labels {
                    let probability = sigmoid(table, self.weights.dot_row(label, hidden));
                    ranking.offer(log(f64::from(probability)), label);
                }
            }
            Kind::Tree(nodes) => self.rank_tree(nodes, hidden, ranking),
        }
    }

    fn rank_softmax(&self, hidden: &[f32], ranking: &mut Ranking) {
        let mut scores = std::mem::take(&mut ranking.scores);
        scores.clear();
        scores.extend((0..self.labels).map(|label| self.weights.dot_row(label, hidden)));
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        scores.iter_mut().for_each(|score| *score = f64::from(*score - max).exp() as f32);
        let total: f32 = scores.iter().sum();
        for (label, score) in (0..).zip(&scores) {
            ranking.offer(log(f64::from(score / total)), label);
        }
        ranking.scores = scores;
    }

    /// Walks down from the root, left first, and skips nodes that cannot be among the best. Uses an
    /// explicit stack, since a hostile model's tree may be as deep as it has labels.
    fn rank_tree(&self, nodes: &[Inner], hidden: &[f32], ranking: &mut Ranking) {
        let mut stack = std::mem::take(&mut ranking.stack);
        stack.clear();
        stack.push((0.0, self.labels + nodes.len() as u32 - 1));
        while let Some((score, node)) = stack.pop() {
            if score < log(0.0) || ranking.is_beaten(score) {
                continue;
            }
            let Some(inner) = node.checked_sub(self.labels) else {
                ranking.offer(score, node);
                continue;
            };
            let exp = (-self.weights.dot_row(inner, hidden)).exp();
            let right = (1.0 / f64::from(1.0 + exp)) as f32;
            let Inner { left: left_node, right: right_node } = nodes[inner as usize];
            stack.push((score + log(f64::from(right)), right_node));
            stack.push((score + log(1.0 - f64::from(right)), left_node));
        }
        ranking.stack = stack;
    }
}

const SIGMOID_MAX: f32 = 8.0;
const SIGMOID_STEPS: usize = 512;

fn sigmoid_table() -> Vec<f32> {
    let at = |step| step as f32 * 2.0 * SIGMOID_MAX / SIGMOID_STEPS as f32 - SIGMOID_MAX;
    let value = |x: f32| (1.0 / (1.0 + f64::from((-x).exp()))) as f32;
    (0..=SIGMOID_STEPS).map(|step| value(at(step))).collect()
}

fn sigmoid(table: &[f32], x: f32) -> f32 {
    if x < -SIGMOID_MAX {
        0.0
    } else if x > SIGMOID_MAX {
        1.0
    } else {
        let step = (x + SIGMOID_MAX) * SIGMOID_STEPS as f32 / SIGMOID_MAX / 2.0;
        table[step as usize]
    }
}

/// Builds the tree in which frequent labels are near the root. Ties are resolved as in fastText,
/// since the numbers of the nodes are rows of the output matrix. `counts` must be in descending
/// order.
fn huffman_tree(counts: &[i64]) -> Result<Vec<Inner>, String> {
    const NOT_YET_MADE: i64 = 1_000_000_000_000_000;
    let labels = counts.len();
    let mut weights = counts.to_vec();
    weights.resize(2 * labels - 1, NOT_YET_MADE);
    let mut nodes = Vec::with_capacity(labels - 1);
    let (mut leaves_left, mut next_inner) = (labels, labels);
    for made in labels..weights.len() {
        let mut lightest = || {
            if leaves_left > 0 && weights[leaves_left - 1] < weights[next_inner] {
                leaves_left -= 1;
                Some(leaves_left)
            } else {
                next_inner += 1;
                (next_inner <= made).then_some(next_inner - 1)
            }
        };
        let absurd = || "its labels' counts are beyond any training data".to_owned();
        let left = lightest().ok_or_else(absurd)?;
        let right = lightest().ok_or_else(absurd)?;
        weights[made] = weights[left].saturating_add(weights[right]);
        nodes.push(Inner { left: left as u32, right: right as u32 });
    }
    Ok(nodes)
}

/// The `k` best labels offered, best first, and buffers for ranking. Of equal labels the later one
/// counts as better, as in fastText.
#[derive(Default)]
pub(super) struct Ranking {
    k: usize,
    best: Vec<(f32, u32)>,
    scores: Vec<f32>,
    stack: Vec<(f32, u32)>,
}

impl Ranking {
    pub(super) fn clear(&mut self, k: usize) {
        self.k = k;
        self.best.clear();
    }

    /// Returns the logarithms of the probabilities, with the labels' numbers.
    pub(super) fn best(&self) -> &[(f32, u32)] {
        &self.best
    }

    /// Whether no label with this score or less can be among the best.
    fn is_beaten(&self, score: f32) -> bool {
        self.best.len() == self.k && self.best.last().is_none_or(|(worst, _)| score < *worst)
    }

    fn offer(&mut self, score: f32, label: u32) {
        if self.is_beaten(score) {
            return;
        }
        let at = self.best.partition_point(|(better, _)| *better > score);
        self.best.insert(at, (score, label));
        self.best.truncate(self.k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_labels_are_near_the_root() {
        let nodes = huffman_tree(&[8, 3, 2, 1]).expect("plain counts");
        let nodes: Vec<_> = nodes.iter().map(|node| (node.left, node.right)).collect();
        assert_eq!(nodes, [(3, 2), (4, 1), (5, 0)]);
    }

    #[test]
    fn absurd_counts_are_refused() {
        assert!(huffman_tree(&[i64::MAX, i64::MAX, i64::MAX]).is_err());
        assert!(huffman_tree(&[i64::MIN; 5]).is_ok());
        assert_eq!(huffman_tree(&[7]).map(|nodes| nodes.len()), Ok(0));
    }

    #[test]
    fn of_equal_labels_the_later_is_better() {
        let mut ranking = Ranking::default();
        ranking.clear(2);
        for (score, label) in [(1.0, 0), (3.0, 1), (0.5, 2), (3.0, 3), (f32::NAN, 4)] {
            ranking.offer(score, label);
        }
        let labels: Vec<_> = ranking.best().iter().map(|(_, label)| *label).collect();
        assert_eq!(labels[1..], [3]);
    }

    #[test]
    fn nothing_is_ranked_for_k_of_zero() {
        let mut ranking = Ranking::default();
        ranking.clear(0);
        ranking.offer(1.0, 0);
        assert!(ranking.best().is_empty());
    }
}
