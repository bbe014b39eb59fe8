//! Letting time pass: the one home of sleep.

use std::time::Duration;

/// Completes after this time.
#[expect(clippy::disallowed_methods, reason = "this is the one home of sleep")]
pub async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Blocks the calling thread for this time. For threads outside the runtime, which wait for something that
/// gives no notification.
#[expect(clippy::disallowed_methods, reason = "this is the one home of sleep")]
pub fn sleep_blocking(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleep_takes_the_time_it_is_given() {
        for millis in [0, 1, 60_000] {
            let begun = Instant::now();
            sleep(Duration::from_millis(millis)).await;
            assert_eq!(begun.elapsed().as_millis(), u128::from(millis));
        }
    }
}
