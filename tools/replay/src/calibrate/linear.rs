//! Small linear systems: which columns of a table of zeros and ones are independent, and weighted least squares.
#![expect(clippy::float_arithmetic, reason = "coefficients are logarithms of factors, not money")]

/// 2⁶¹ − 1. Independence is decided modulo this prime: exact while determinants of the table's parts are smaller,
/// which holds for zeros and ones up to about 30 columns.
const PRIME: u128 = (1 << 61) - 1;

/// Of columns of zeros and ones, in their order, those that do not follow from the ones accepted before.
pub(super) fn independent(columns: &[Vec<bool>]) -> Vec<bool> {
    // Rows of the elimination, each with the place of its first entry that is not zero.
    let mut basis: Vec<(usize, Vec<u128>)> = Vec::new();
    columns
        .iter()
        .map(|column| {
            let mut rest: Vec<u128> = column.iter().map(|&one| u128::from(one)).collect();
            for (lead, row) in &basis {
                let factor = rest.get(*lead).copied().unwrap_or_default();
                if factor != 0 {
                    for (entry, of_row) in rest.iter_mut().zip(row) {
                        *entry = (*entry + (PRIME - factor) * of_row) % PRIME;
                    }
                }
            }
            let Some(lead) = rest.iter().position(|&entry| entry != 0) else { return false };
            let inverse = power(rest[lead], PRIME - 2);
            for entry in &mut rest {
                *entry = *entry * inverse % PRIME;
            }
            basis.push((lead, rest));
            true
        })
        .collect()
}

fn power(mut base: u128, mut exponent: u128) -> u128 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

/// One observation: the columns that are 1, the observed value, its weight.
pub(super) struct Observation {
    pub(super) columns: Vec<usize>,
    pub(super) value: f64,
    pub(super) weight: f64,
}

/// The coefficients with the least weighted squares, by Cholesky's factors of the normal equations. `None` if the
/// observations do not determine them.
pub(super) fn least_squares(
    observations: &[Observation],
    columns: usize,
    weights: &[f64],
) -> Option<Vec<f64>> {
    let mut matrix = vec![vec![0.0; columns]; columns];
    let mut right = vec![0.0; columns];
    for (observation, weight) in observations.iter().zip(weights) {
        for &row in &observation.columns {
            right[row] += weight * observation.value;
            for &column in &observation.columns {
                matrix[row][column] += weight;
            }
        }
    }
    // In place: the lower triangle becomes Cholesky's factor. All indices are below `columns`.
    for row in 0..columns {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - known;
            if row != column {
                matrix[row][column] = rest / matrix[column][column];
            } else if rest > 1e-9 {
                matrix[row][row] = libm::sqrt(rest);
            } else {
                return None;
            }
        }
    }
    for row in 0..columns {
        let known: f64 = (0..row).map(|k| matrix[row][k] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    for row in (0..columns).rev() {
        let known: f64 = (row + 1..columns).map(|k| matrix[k][row] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_follow_from_others_are_found() {
        let columns = |table: [&str; 4]| -> Vec<Vec<bool>> {
            table.iter().map(|column| column.chars().map(|entry| entry == '1').collect()).collect()
        };
        // The third is the sum of the first two; the fourth is on its own.
        assert_eq!(independent(&columns(["1100", "0011", "1111", "1000"])), [true, true, false, true]);
        // Three sums of pairs are independent, though no two of them cover the same.
        assert_eq!(independent(&columns(["110", "011", "101", "111"])), [true, true, true, false]);
        assert_eq!(independent(&columns(["000", "100", "100", "010"])), [false, true, false, true]);
    }

    #[test]
    fn least_squares_are_the_weighted_means_of_two_groups() {
        let observation = |column, value, weight| Observation { columns: vec![column], value, weight };
        let observations = [observation(0, 1.0, 1.0), observation(0, 4.0, 2.0), observation(1, 5.0, 7.0)];
        let weights: Vec<f64> = observations.iter().map(|observation| observation.weight).collect();
        let found = least_squares(&observations, 2, &weights).unwrap();
        assert!((found[0] - 3.0).abs() < 1e-12 && (found[1] - 5.0).abs() < 1e-12, "{found:?}");
        assert_eq!(least_squares(&observations, 3, &weights), None, "nothing is known of the third");
    }
}
