//! Judging on every core: the one driver of the engine, for the server and the command line.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::Evaluation;
use engine::judge::{Plan, Record, Task};

/// Less evidence than this, in bytes, is judged by one thread: to start others would take longer than it does.
const ALONE_BYTES: usize = 256 << 10;

/// Evaluates a plan, in parallel when there is much to read; the results are in the plan's order whatever ran first. Blocks: call it where blocking
/// is fine.
pub fn conclude(plan: &Plan<'_>) -> Record {
    let tasks: Vec<_> = plan.tasks().collect();
    let evaluations: Vec<Evaluation> = if plan.evidence_bytes() < ALONE_BYTES {
        tasks.iter().map(Task::evaluate).collect()
    } else {
        in_parallel(&tasks, Task::evaluate)
    };
    plan.conclude(evaluations)
}

/// Maps `items` on as many threads as there are cores; the results keep their order.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers =
        std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(items.len());
    if workers <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((index, item)) = take(items, &next) {
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests {
    use super::in_parallel;

    #[test]
    fn results_keep_the_order_of_their_items() {
        let items: Vec<u64> = (0..1000).collect();
        assert_eq!(
            in_parallel(&items, |item| item * 2),
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
        assert!(in_parallel::<u64, u64>(&[], |item| *item).is_empty());
    }
}
