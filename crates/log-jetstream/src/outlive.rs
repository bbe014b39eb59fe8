//! Work that is finished even if its caller is gone: by the caller as long as it waits, by the runtime after
//! that.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A future that continues by itself when it is dropped. As long as it is awaited, it costs no task of its
/// own.
pub(crate) struct Outlive<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Outlive<F> {
    pub(crate) fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Outlive<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // A completed future is not polled again.
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Outlive<F> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            // After a panic nothing continues; without a runtime nothing can.
            && !std::thread::panicking()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_done_by_who_waits_and_goes_on_without_him() {
        assert_eq!(Outlive::new(async { 7 }).await, 7);
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut work = Box::pin(Outlive::new(async move {
            gone.await.expect("it is told to go on");
            done.send(()).expect("somebody listens");
        }));
        assert!(futures_util::FutureExt::now_or_never(&mut work).is_none());
        drop(work);
        go.send(()).expect("it goes on without its caller");
        is_done.await.expect("and comes to its end");
    }
}
