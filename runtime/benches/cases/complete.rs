use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Polls until ready, with a waker that does nothing: no runtime takes part.
pub(crate) fn complete<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}
