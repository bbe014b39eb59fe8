//! Fewer points for the same picture: of the points in one column of pixels only the first, the lowest, the highest and
//! the last can be seen.

/// The points that are seen where `columns` of them are beside each other, each one `width` wide. Points are by x.
pub(crate) fn sampled(points: Vec<(f64, f64)>, columns: usize) -> Vec<(f64, f64)> {
    if points.len() <= columns.saturating_mul(4) {
        return points;
    }
    let mut seen: Vec<(f64, f64)> = Vec::with_capacity(columns.saturating_mul(4));
    for column in points.chunk_by(|one, other| one.0.floor() == other.0.floor()) {
        let by_height = |one: &&(f64, f64), other: &&(f64, f64)| one.1.total_cmp(&other.1);
        let place = |of: Option<&(f64, f64)>| column.iter().position(|point| Some(point) == of);
        let mut kept = vec![
            Some(0),
            place(column.iter().min_by(by_height)),
            place(column.iter().max_by(by_height)),
            column.len().checked_sub(1),
        ];
        kept.sort_unstable();
        kept.dedup();
        seen.extend(kept.into_iter().flatten().filter_map(|nth| column.get(nth)));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_and_ends_of_each_column_stay() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|nth| (f64::from(nth) / 1_000.0, f64::from(nth % 997))).collect();
        let seen = sampled(points.clone(), 100);
        assert!(seen.len() <= 400 && seen.is_sorted_by(|one, other| one.0 <= other.0), "{}", seen.len());
        assert_eq!((seen[0], seen[seen.len() - 1]), (points[0], points[99_999]));
        for column in points.chunk_by(|one, other| one.0.floor() == other.0.floor()) {
            let highest = column.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1)).unwrap();
            assert!(seen.contains(&highest), "{highest:?}");
        }
        let few = points[..300].to_vec();
        assert_eq!(sampled(few.clone(), 100), few);
    }
}
