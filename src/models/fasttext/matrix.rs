//! The weights (`densematrix.cc`, `quantmatrix.cc`, `productquantizer.cc`).
//!
//! ```text
//! dense:      i64 rows, columns    f32 weights, row by row
//! quantized:  bool qnorm    i64 rows, columns    i32 number of codes    codes, row by row
//!             quantizer    if qnorm: one code per row, quantizer of one column
//! quantizer:  i32 dim, nsubq, dsub, lastdsub    f32 centroids, 256 * dim
//! ```
//!
//! A quantized row consists of pieces of `dsub` columns, the last of `lastdsub`. Each piece is one
//! of 256 centroids, and the row is scaled by its norm if norms were quantized separately.

use crate::ModelError;
use crate::reader::ModelReader;
use std::io::BufRead;

pub(super) struct Matrix {
    pub(super) rows: u64,
    dim: usize,
    weights: Weights,
}

enum Weights {
    Dense(Vec<f32>),
    Quantized(Quantized),
}

struct Quantized {
    /// One byte per piece, row by row.
    codes: Vec<u8>,
    quantizer: Quantizer,
    /// The norm of each row; empty if all are 1.
    norms: Vec<f32>,
}

struct Quantizer {
    dim: usize,
    pieces: usize,
    piece_columns: usize,
    /// The 256 centroids of the first piece, then of the next, and so on. Those of the last are
    /// shorter if the columns do not divide evenly.
    centroids: Vec<f32>,
}

const CENTROIDS: usize = 256;

impl Matrix {
    /// Reads a matrix with `dim` columns. A quantized matrix begins with the flag for its norms.
    pub(super) fn read<R: BufRead>(
        reader: &mut ModelReader<'_, R>,
        quantized: bool,
        dim: u64,
    ) -> Result<Self, ModelError> {
        let has_norms = quantized && reader.flag("flag of quantized norms")?;
        let rows = reader.count64("number of rows")?;
        let columns = reader.count64("number of columns")?;
        if rows == 0 || columns != dim || dim == 0 {
            let problem =
                format!("a matrix is {rows} by {columns}, but the model has {dim} dimensions");
            return Err(reader.damaged(problem));
        }
        let weights = if quantized {
            Weights::Quantized(Quantized::read(reader, rows, dim, has_norms)?)
        } else {
            Weights::Dense(reader.floats(rows.saturating_mul(dim), "matrix")?)
        };
        Ok(Self { rows, dim: dim as usize, weights })
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// Adds rows to `sum`, one after another.
    pub(super) fn add_rows(&self, rows: &[u32], sum: &mut [f32]) {
        match &self.weights {
            Weights::Dense(weights) => {
                for row in rows {
                    let weights = &weights[*row as usize * self.dim..][..self.dim];
                    sum.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
                }
            }
            Weights::Quantized(quantized) => quantized.add_rows(rows, sum),
        }
    }

    /// Returns the inner product of one row with `vector`, summed from left to right as in
    /// fastText.
    pub(super) fn dot_row(&self, row: u32, vector: &[f32]) -> f32 {
        let row = row as usize;
        match &self.weights {
            Weights::Dense(weights) => dot(0.0, &weights[row * self.dim..][..self.dim], vector),
            Weights::Quantized(quantized) => quantized.dot_row(row, vector),
        }
    }
}

fn dot(start: f32, left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).fold(start, |sum, (left, right)| sum + left * right)
}

impl Quantized {
    fn read<R: BufRead>(
        reader: &mut ModelReader<'_, R>,
        rows: u64,
        dim: u64,
        has_norms: bool,
    ) -> Result<Self, ModelError> {
        let codes = u64::from(reader.count32("number of codes")?);
        let codes = reader.bytes(codes, "codes")?;
        let quantizer = Quantizer::read(reader, dim)?;
        if rows.checked_mul(quantizer.pieces as u64) != Some(codes.len() as u64) {
            let (codes, pieces) = (codes.len(), quantizer.pieces);
            return Err(
                reader.damaged(format!("{rows} rows of {pieces} pieces have {codes} codes"))
            );
        }
        let mut norms = Vec::new();
        if has_norms {
            let codes = reader.bytes(rows, "codes of norms")?;
            let quantizer = Quantizer::read(reader, 1)?;
            norms.extend(codes.iter().map(|code| quantizer.centroids[usize::from(*code)]));
        }
        Ok(Self { codes, quantizer, norms })
    }

    fn row(&self, row: usize) -> (&[u8], f32) {
        let pieces = self.quantizer.pieces;
        let norm = self.norms.get(row).copied().unwrap_or(1.0);
        (&self.codes[row * pieces..][..pieces], norm)
    }

    fn add_rows(&self, rows: &[u32], sum: &mut [f32]) {
        let columns = self.quantizer.piece_columns;
        // fastText's default: four times as fast with a constant length.
        if columns == 2 && self.quantizer.dim.is_multiple_of(2) {
            return self.add_rows_in_pairs(rows, sum);
        }
        for row in rows {
            let (codes, norm) = self.row(*row as usize);
            self.quantizer.pieces(codes, sum.chunks_mut(columns), |sum, piece| {
                sum.iter_mut().zip(piece).for_each(|(sum, weight)| *sum += norm * weight);
            });
        }
    }

    /// [`Self::add_rows`] for pieces of two columns.
    fn add_rows_in_pairs(&self, rows: &[u32], sum: &mut [f32]) {
        let (sum, _) = sum.as_chunks_mut::<2>();
        let (pairs, _) = self.quantizer.centroids.as_chunks::<2>();
        for row in rows {
            let (codes, norm) = self.row(*row as usize);
            let of_pieces = pairs.chunks_exact(CENTROIDS);
            for ((sum, pairs), code) in sum.iter_mut().zip(of_pieces).zip(codes) {
                let [left, right] = pairs[usize::from(*code)];
                sum[0] += norm * left;
                sum[1] += norm * right;
            }
        }
    }

    fn dot_row(&self, row: usize, vector: &[f32]) -> f32 {
        let (codes, norm) = self.row(row);
        let mut product = 0.0;
        self.quantizer.pieces(codes, vector.chunks(self.quantizer.piece_columns), |part, piece| {
            product = dot(product, piece, part);
        });
        product * norm
    }
}

impl Quantizer {
    fn read<R: BufRead>(reader: &mut ModelReader<'_, R>, dim: u64) -> Result<Self, ModelError> {
        let found = u64::from(reader.count32("quantizer's dimension")?);
        let pieces = u64::from(reader.count32("number of pieces")?);
        let columns = u64::from(reader.count32("columns of a piece")?);
        let columns_last = u64::from(reader.count32("columns of the last piece")?);
        let fits = columns > 0
            && pieces == dim.div_ceil(columns)
            && columns_last == dim - (pieces - 1) * columns;
        if found != dim || !fits {
            return Err(reader.damaged(format!(
                "{pieces} pieces of {columns} columns, the last of {columns_last}, are not {dim}"
            )));
        }
        let centroids = reader.floats(dim.saturating_mul(CENTROIDS as u64), "centroids")?;
        let (pieces, piece_columns) = (pieces as usize, columns as usize);
        Ok(Self { dim: dim as usize, pieces, piece_columns, centroids })
    }

    /// Calls `each` with every part of a vector and the row's centroid for that part.
    #[inline]
    fn pieces<T>(
        &self,
        codes: &[u8],
        parts: impl Iterator<Item = T>,
        mut each: impl FnMut(T, &[f32]),
    ) {
        let mut columns_left = self.dim;
        let mut centroids = self.centroids.as_slice();
        for (code, part) in codes.iter().zip(parts) {
            let columns = self.piece_columns.min(columns_left);
            columns_left -= columns;
            let (of_piece, rest) = centroids.split_at(columns * CENTROIDS);
            centroids = rest;
            each(part, &of_piece[usize::from(*code) * columns..][..columns]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn problem_of(bytes: &[u8], quantized: bool) -> String {
        let reader = &mut ModelReader::new(bytes, bytes.len() as u64, Path::new("matrix"));
        let error = Matrix::read(reader, quantized, 2).err();
        error.expect("no matrix of two columns").to_string()
    }

    fn size(rows: i64, columns: i64) -> Vec<u8> {
        [rows.to_le_bytes(), columns.to_le_bytes()].concat()
    }

    #[test]
    fn a_matrix_without_rows_or_with_other_columns_is_refused() {
        assert!(problem_of(&size(0, 2), false).contains("0 by 2"));
        assert!(problem_of(&[size(1, 3), vec![0; 12]].concat(), false).contains("1 by 3"));
        assert!(problem_of(&size(i64::MAX, 2), false).contains("cut short"));
    }

    #[test]
    fn a_wrong_number_of_codes_is_refused() {
        let codes = [&[0], size(3, 2).as_slice(), &4i32.to_le_bytes(), &[0; 4]].concat();
        let pieces = [2, 2, 1, 1].map(i32::to_le_bytes).concat();
        let problem = problem_of(&[codes, pieces, vec![0; 2 * CENTROIDS * 4]].concat(), true);
        assert!(problem.contains("3 rows of 2 pieces have 4 codes"), "{problem}");
    }
}
