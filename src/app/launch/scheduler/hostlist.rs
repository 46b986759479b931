//! Slurm's short forms: `n[1-3,07]` for a list of nodes, `2(x3),1` for the tasks of each.

/// The most nodes that a list may name.
const NODES_MAX: usize = 65_536;

/// Returns the nodes of a list, in order.
pub(super) fn hosts(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for word in words(list)? {
        let mut of_word = vec![String::new()];
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('[') {
            let (ranges, after) = after.split_once(']')?;
            let numbers = numbers(ranges)?;
            let longer = of_word.iter().flat_map(|start| {
                numbers.iter().map(move |number| format!("{start}{before}{number}"))
            });
            of_word = longer.take(NODES_MAX).collect();
            rest = after;
        }
        if rest.contains(']') {
            return None;
        }
        names.extend(of_word.into_iter().map(|start| start + rest));
    }
    (!names.is_empty() && names.iter().all(|name| !name.is_empty())).then_some(names)
}

/// Returns the number of tasks of each node.
pub(super) fn tasks(list: &str) -> Option<Vec<usize>> {
    let mut counts = Vec::new();
    for word in list.split(',') {
        let (count, times) = match word.split_once("(x") {
            Some((count, times)) => (count, times.strip_suffix(')')?.parse().ok()?),
            None => (word, 1),
        };
        let count: usize = count.parse().ok()?;
        counts.extend(std::iter::repeat_n(count, usize::min(times, NODES_MAX)));
    }
    Some(counts)
}

/// Splits a list at the commas outside of brackets.
fn words(list: &str) -> Option<Vec<&str>> {
    let (mut words, mut start, mut is_inside) = (Vec::new(), 0, false);
    for (at, character) in list.char_indices() {
        match character {
            '[' if !is_inside => is_inside = true,
            ']' if is_inside => is_inside = false,
            '[' | ']' => return None,
            ',' if !is_inside => {
                words.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&list[start..]);
    (!is_inside).then_some(words)
}

/// Returns the numbers of `1-3,07`, with their leading zeros.
fn numbers(ranges: &str) -> Option<Vec<String>> {
    let mut numbers = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if to < from || to - from >= NODES_MAX {
            return None;
        }
        let width = first.len();
        numbers.extend((from..=to).map(|number| format!("{number:0width$}")));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_lists_are_written_out() {
        for (list, expected) in [
            ("login", "login"),
            ("n[1-3]", "n1 n2 n3"),
            ("n[08-10,12],gpu-a", "n08 n09 n10 n12 gpu-a"),
            ("r[0-1]n[1-2]x", "r0n1x r0n2x r1n1x r1n2x"),
        ] {
            let expected: Vec<&str> = expected.split(' ').collect();
            assert_eq!(hosts(list).unwrap(), expected, "{list}");
        }
        for list in ["", "n[1-", "n[3-1]", "n1]", "n[a]", "n[[1]]", ",", "n[1-99999999]"] {
            assert_eq!(hosts(list), None, "{list}");
        }
    }

    #[test]
    fn tasks_are_counted_for_each_node() {
        assert_eq!(tasks("2(x3),1"), Some(vec![2, 2, 2, 1]));
        assert_eq!(tasks("4"), Some(vec![4]));
        for list in ["", "2(x", "2x3", "a"] {
            assert_eq!(tasks(list), None, "{list}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn no_list_makes_it_panic(list in r"[n0-9\[\],()x-]{0,20}") {
            let _ = (hosts(&list), tasks(&list));
        }
    }
}
