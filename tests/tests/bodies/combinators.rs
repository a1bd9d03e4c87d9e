//! `join!`, `try_join!` and `select!` of tokio and of futures, with every form of branch.

use std::{
    future::{pending, ready},
    pin::pin,
};

use futures::{FutureExt, StreamExt};
use request_context::{attach, context, context_async};
use request_context_tests::{Request, seen, suspend};

use super::{fails, step};

/// Waits for ever, on its context.
#[context_async(Request)]
async fn never() -> u32 {
    context!().increment();
    pending().await
}

#[context_async(Request)]
async fn here() -> bool {
    suspend().await;
    seen() == context!().user
}

#[test]
fn joins_of_both_crates_take_calls_plain_futures_and_their_awaits() {
    use tokio::join;

    #[context_async(Request)]
    async fn joins() -> u32 {
        let mut sum = 0;
        let mut held = pin!(attach!(step(1)));
        let (a, b, c, d) = join!(step(1), ready(2), &mut held, async { 3 });
        sum += a + b + c + d;
        assert!(here().await);
        let (a, b) = tokio::join!(biased; step(step(1).await), { step(2) },);
        sum += a + b;
        let (a,) = tokio::join!(if sum > 1 { step(1) } else { step(2) });
        sum += a;
        let (a, b) = futures::join!(step(1), ready(step(1).await));
        sum += a + b;
        let ((a, b), c) = futures::join!(
            async { futures::join!(attach!(step(1)), ready(1)) },
            step({
                let (inner,) = tokio::join!(step(1));
                inner
            }),
        );
        assert!(here().await);
        sum + a
            + b
            + c
            + futures::future::join(attach!(step(1)), attach!(step(1)))
                .await
                .0
    }

    assert_eq!(
        steps!(joins()),
        (
            (1 + 2 + 1 + 3) + (1 + 2) + 1 + (1 + 1) + (1 + 1 + 1) + 1,
            2 + 3 + 1 + 2 + 3 + 2
        ),
    );
}

#[test]
fn try_joins_of_both_crates_end_with_the_first_error_and_give_all_values() {
    #[context_async(Request)]
    async fn works(value: u32) -> Result<u32, String> {
        Ok(step(value).await)
    }

    #[context_async(Request)]
    async fn endless() -> Result<u32, String> {
        Ok(never().await)
    }

    #[context_async(Request)]
    async fn tries() -> Result<u32, String> {
        let (a, b) = tokio::try_join!(works(1), ready(Ok(2)))?;
        let (c, d) = futures::try_join!(works(3), works(works(4).await?),)?;
        let tokio = tokio::try_join!(biased; fails(5), endless()).unwrap_err();
        assert_eq!(tokio, "5 for ada");
        let futures = futures::try_join!(endless(), fails(6)).unwrap_err();
        assert_eq!(futures, "6 for ada");
        assert!(here().await);
        if a + b + c + d == 10 {
            tokio::try_join!(fails(7))?;
        }
        unreachable!()
    }

    assert_eq!(
        steps!(tries()),
        (Err("7 for ada".to_owned()), 1 + 3 + 2 + 2 + 1)
    );
}

#[test]
fn every_branch_of_tokios_select_is_of_the_body() {
    use tokio::select;

    #[context_async(Request)]
    async fn selects(turn: u32) -> Result<u32, String> {
        let mut rows = tokio_stream_of(&[1, 2]);
        let mut sleeping = pin!(attach!(never()));
        loop {
            select! {
                biased;
                Some(row) = rows.next(), if turn == 0 => {
                    step(row).await;
                    assert!(here().await);
                    if row == 2 {
                        break;
                    }
                }
                value = &mut sleeping, if step(turn == 1).await => return Ok(value),
                Ok(value) | Err(value) = async { Ok::<u32, u32>(9) }, if turn == 2 =>
                    return Ok(step(value).await + context!().count.get()),
                (_, mut value) = step((1, 2)), if turn == 3 => {
                    value += 1;
                    return Ok(value);
                }
                value = fails(4), if turn == 4 => { value?; }
                else => {
                    step(()).await;
                    return Err(step(context!().user.clone()).await);
                }
            }
            assert!(here().await);
        }
        let chosen = tokio::select! {
            value = never() => value,
            value = { step(20) } => match step(value).await {
                20 => step(30).await,
                _ => unreachable!(),
            },
        };
        Ok(chosen)
    }

    // Each turn of the loop asks the second condition.
    assert_eq!(steps!(selects(0)).0, Ok(30));
    assert_eq!(steps!(selects(2)), (Ok(9 + 2), 2));
    assert_eq!(steps!(selects(3)), (Ok(3), 2));
    assert_eq!(steps!(selects(4)), (Err("4 for ada".to_owned()), 2));
    assert_eq!(steps!(selects(5)), (Err("ada".to_owned()), 3));
}

/// A stream that ends.
fn tokio_stream_of(rows: &[u32]) -> impl futures::Stream<Item = u32> + Unpin + Send + use<> {
    futures::stream::iter(rows.to_vec())
}

#[test]
fn every_branch_of_the_selects_of_futures_is_of_the_body() {
    use futures::select;

    #[context_async(Request)]
    async fn selects() -> u32 {
        let mut rows = futures::stream::iter([1, 2]).fuse();
        let mut sleeping = pin!(attach!(never()).fuse());
        let mut done = pin!(ready(100).fuse());
        let mut sum = 0;
        loop {
            select! {
                row = rows.next() => if let Some(row) = row {
                    sum += step(row).await;
                },
                value = done => match step(value).await {
                    100 => sum += 100,
                    _ => unreachable!(),
                },
                value = sleeping => sum += value,
                complete => unreachable!(),
                default => {
                    assert!(here().await);
                    break;
                }
            }
            assert!(here().await);
        }
        futures::select_biased! {
            value = sleeping => sum += value,
            value = Box::pin(attach!(step(1000))).fuse() => sum += step(value).await,
        };
        let mut last = pin!(attach!(step(10_000)).fuse());
        loop {
            futures::select! {
                value = last => { sum += value; },
                complete => break,
            }
        }
        sum += select! {
            value = Box::pin(attach!(step(1)).fuse()) => value,
            complete => step(2).await,
        };
        sum
    }

    assert_eq!(steps!(selects()).0, 3 + 100 + 1000 + 10_000 + 1);
}
