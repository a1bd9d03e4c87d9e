//! `#[detached]` on every kind of statement: off the context inside, on it again after, however it is left.

use std::{marker::PhantomData, rc::Rc, sync::Arc};

use request_context::{ContextThread, RequestContext, attach, context, context_async, detached};
use request_context_tests::{Log, OnDrop, Request, on_pool, seen, sees_on_drop, suspend};

use super::step;

/// Plain code that suspends, and what it saw before and after that.
async fn off<T>(value: T) -> T {
    assert_eq!(seen(), "detached");
    suspend().await;
    assert_eq!(seen(), "detached");
    value
}

async fn off_fails() -> Result<u32, String> {
    off(Err("failed".to_owned())).await
}

/// On the context, here and after a suspension.
#[context_async(Request)]
async fn is_back() {
    assert_eq!(seen(), "ada");
    step(()).await;
}

#[test]
fn lets_of_every_form_are_detached_and_their_variables_stay() {
    #[context_async(Request)]
    async fn body() -> u32 {
        #[detached]
        let one = off(1).await;
        is_back().await;
        #[detached]
        let (mut two, _): (u32, _) = off((2, "unused")).await;
        is_back().await;
        #[detached]
        let Some(three) = off(Some(3)).await else {
            unreachable!()
        };
        #[detached]
        let Some(ref four) = off(Some(4)).await else {
            unreachable!()
        };
        #[detached]
        let None::<u32> = off(Some(4)).await else {
            // The way out is on the context again.
            is_back().await;
            #[detached]
            let five = if off(true).await { off(5).await } else { 0 };
            #[detached]
            let six = match off(6).await {
                6 if off(true).await => off(6).await,
                _ => unreachable!(),
            };
            #[detached]
            let borrowed = &off(String::from("7")).await;
            #[detached]
            let seven = {
                let seven = off(borrowed.len()).await;
                assert_eq!(seen(), "detached");
                u32::try_from(seven).unwrap()
            };
            #[detached]
            let eight = async { off(8).await };
            // Awaited here, it is of here.
            let eight = async {
                suspend().await;
                assert_eq!(seen(), "ada");
                let _not_polled = eight;
                8
            }
            .await;
            #[detached]
            let joined = tokio::join!(off(9), off(10), async { off(11).await });
            #[detached]
            let selected = tokio::select! {
                value = off(12), if off(true).await => off(value).await,
                else => unreachable!(),
            };
            is_back().await;
            two += joined.0 + joined.1 + joined.2 + selected;
            return one + two + three + four + five + six + seven + eight;
        };
        unreachable!()
    }

    let expected = 1 + 2 + 3 + 4 + 5 + 6 + 1 + 8 + 9 + 10 + 11 + 12;
    assert_eq!(steps!(body()), (expected, 4));
}

#[test]
fn expression_statements_of_every_form_are_detached() {
    #[context_async(Request)]
    async fn body(log: Log) -> u32 {
        let mut sum = 0;
        let mut rows = [0; 2];
        #[detached]
        off(()).await;
        #[detached]
        sum = off(sum + 1).await;
        #[detached]
        sum += off(1).await;
        #[detached]
        rows[off(1).await] = off(3).await;
        is_back().await;
        #[detached]
        (sum, rows[0]) = off((sum, 4)).await;
        #[detached]
        if off(true).await {
            sum += off(1).await;
        } else {
            unreachable!()
        }
        #[detached]
        match off(2).await {
            more if off(more == 2).await => sum += off(more).await,
            _ => unreachable!(),
        }
        is_back().await;
        #[detached]
        while off(sum).await < 7 {
            sum += off(1).await;
        }
        #[detached]
        for row in off(rows).await {
            sum += off(row).await;
        }
        #[detached]
        loop {
            if off(true).await {
                break;
            }
        }
        #[detached]
        {
            off(()).await;
            log.push(seen());
        }
        #[detached]
        unsafe {
            sum += off(*(&raw const sum) - sum).await;
        }
        #[detached]
        log.push(format!("{} {}", off("in a macro").await, seen()));
        #[detached]
        println!("{}", off("in a statement").await);
        #[detached]
        assert_eq!(seen(), off("detached").await);
        #[detached]
        vec![off(1).await];
        #[detached]
        off(Some(1)).await.map(|one| {
            assert_eq!(seen(), "detached");
            one + 1
        });
        is_back().await;
        #[detached]
        (|| assert_eq!(seen(), "detached"))();
        is_back().await;
        assert_eq!(log.take(), ["detached", "in a macro detached"]);
        #[detached]
        off(sum).await
    }

    let log = Log::new();
    assert_eq!(steps!(body(log)), (7 + 4 + 3, 4));
}

#[test]
fn a_part_may_be_the_value_of_a_body_and_of_a_block() {
    #[context_async(Request)]
    async fn a_block() -> String {
        let inner = {
            step(()).await;
            #[detached]
            seen()
        };
        is_back().await;
        #[detached]
        {
            off(()).await;
            format!("{inner} {}", seen())
        }
    }

    #[context_async(Request)]
    async fn a_match(flag: bool) -> Result<String, u32> {
        is_back().await;
        #[detached]
        match off(flag).await {
            true => Ok(seen()),
            false => Err(off(1).await),
        }
    }

    #[context_async(Request)]
    async fn a_macro() -> String {
        is_back().await;
        #[detached]
        format!("{} {}", off(1).await, seen())
    }

    assert_eq!(steps!(a_block()), ("detached detached".to_owned(), 2));
    assert_eq!(steps!(a_match(true)), (Ok("detached".to_owned()), 1));
    assert_eq!(steps!(a_match(false)), (Err(1), 1));
    assert_eq!(steps!(a_macro()), ("1 detached".to_owned(), 1));
}

#[test]
fn a_part_that_is_left_by_a_jump_is_over() {
    #[context_async(Request)]
    async fn jumps() -> Vec<u32> {
        let mut seen_rows = Vec::new();
        'rows: for row in 0..6 {
            is_back().await;
            #[detached]
            match off(row).await {
                0 => continue,
                1 => continue 'rows,
                4 => break,
                _ => {}
            }
            is_back().await;
            #[detached]
            let row = loop {
                if off(row).await == 2 {
                    continue 'rows;
                }
                break off(row).await;
            };
            seen_rows.push(row);
        }
        is_back().await;
        let found = 'found: {
            #[detached]
            if off(true).await {
                break 'found off(7).await;
            }
            unreachable!()
        };
        is_back().await;
        seen_rows.push(found);
        loop {
            #[detached]
            break off(()).await;
        }
        is_back().await;
        seen_rows
    }

    // Five rows, of which two come to the second part; and three after.
    assert_eq!(steps!(jumps()), (vec![3, 7], 5 + 2 + 3));
}

#[test]
fn a_part_that_leaves_the_body_leaves_the_caller_on_its_context() {
    #[context_async(Request)]
    async fn leaves(how: u32) -> Result<u32, String> {
        is_back().await;
        #[detached]
        if how == 0 {
            return Ok(off(1).await);
        }
        #[detached]
        let value = match how {
            1 => off_fails().await?,
            2 => return off_fails().await,
            _ => off(3).await,
        };
        if how == 3 {
            #[detached]
            off_fails().await?;
        }
        if how == 4 {
            #[detached]
            return off(Ok(value)).await;
        }
        is_back().await;
        #[detached]
        off(Ok(value + 1)).await
    }

    #[context_async(Request)]
    async fn caller(how: u32) -> Result<u32, String> {
        let result = leaves(how).await;
        is_back().await;
        result
    }

    let failed = || Err("failed".to_owned());
    let expected = [Ok(1), failed(), failed(), failed(), Ok(3), Ok(4)];
    for (how, expected) in (0..).zip(expected) {
        assert_eq!(steps!(caller(how)).0, expected, "{how}");
    }
}

#[test]
fn parts_nest_and_stand_in_loops_branches_and_arms() {
    #[context_async(Request)]
    async fn body() -> u32 {
        let mut sum = 0;
        for row in 0..3 {
            if step(row).await == 0 {
                #[detached]
                off(()).await;
            } else {
                match step(row).await {
                    1 => {
                        #[detached]
                        let more = off(10).await;
                        sum += more;
                    }
                    more => {
                        #[detached]
                        {
                            #[detached]
                            let even_more = off(more).await;
                            assert_eq!(seen(), "detached");
                            off(()).await;
                            #[detached]
                            if off(true).await {
                                sum += even_more;
                            }
                            off(()).await;
                        }
                    }
                }
            }
            is_back().await;
        }
        sum
    }

    assert_eq!(steps!(body()), (12, 3 + 2 + 3));
}

#[test]
fn what_a_part_makes_is_dropped_off_the_context_and_what_outlives_it_on_it() {
    #[context_async(Request)]
    async fn body(log: Log) {
        #[detached]
        {
            let _local = sees_on_drop(&log);
            off(()).await;
        }
        log.push("block");
        #[detached]
        off(&sees_on_drop(&log)).await;
        log.push("statement");
        #[detached]
        let kept = off(sees_on_drop(&log)).await;
        is_back().await;
        drop(kept);
        log.push("let");
        #[detached]
        drop(off(sees_on_drop(&log)).await);
        log.push("end");
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(body(log.clone())).await;
        let expected = [
            "detached",
            "block",
            "detached",
            "statement",
            "ada",
            "let",
            "detached",
            "end",
        ];
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn a_panic_in_a_part_unwinds_out_of_it() {
    #[context_async(Request)]
    async fn panics(log: Log) {
        let _outside = sees_on_drop(&log);
        #[detached]
        {
            let _inside = sees_on_drop(&log);
            off(()).await;
            panic!("in the part");
        }
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let work = context.scheduler().spawn(panics(log.clone()));
        assert!(work.await.unwrap_err().is_panic());
        assert_eq!(log.take(), ["detached", "ada"]);
        assert_eq!(context.run(async { seen() }).await, "ada");
    });
}

#[test]
fn parts_of_bodies_of_every_kind() {
    struct Handler<'a> {
        name: &'a str,
    }

    trait Handles: Sync {
        #[context_async(Request, boxed)]
        async fn handle(&self) -> String {
            #[detached]
            let name = off("default").await;
            format!("{name} {}", context!().user)
        }
    }

    impl Handles for () {}

    impl Handles for Handler<'_> {
        #[context_async(Request, boxed)]
        async fn handle(&self) -> String {
            #[detached]
            let name = off(self.name).await;
            step(format!("{name} {}", context!().user)).await
        }
    }

    #[context_async]
    async fn bare<T: Send>(value: T) -> T {
        #[detached]
        let value = off(value).await;
        assert_eq!(seen(), "ada");
        value
    }

    #[context_async(S)]
    async fn generic<S: Send + AsRef<str>, const N: usize>(_state: PhantomData<S>) -> usize {
        #[detached]
        off(()).await;
        context!().as_ref().len() + N
    }

    #[context_async(Request)]
    async fn all() -> Vec<String> {
        let shared: Vec<Arc<dyn Handles + Send>> =
            vec![Arc::new(()), Arc::new(Handler { name: "handler" })];
        let mut said = vec![bare("bare".to_owned()).await];
        for handler in &shared {
            said.push(handler.handle().await);
        }
        let other = RequestContext::new("generic");
        let length = other.run(generic::<_, 1>(PhantomData)).await;
        said.push(length.to_string());
        said
    }

    let said = ["bare", "default ada", "handler ada", "8"].map(str::to_owned);
    assert_eq!(steps!(all()), (said.to_vec(), 1));
}

#[test]
fn a_part_in_a_fn_that_is_not_send_keeps_what_is_not_send() {
    #[context_async(Request, ?Send)]
    async fn local() -> usize {
        let shared = Rc::new(1);
        #[detached]
        let other = off(Rc::clone(&shared)).await;
        is_back().await;
        Rc::strong_count(&other)
    }

    let count = request_context_tests::on_one_thread!(async {
        let context = ContextThread::new(|| Request::of("ada"));
        context.scheduler().spawn_with(local).await.unwrap()
    });
    assert_eq!(count, 2);
}

#[test]
fn attached_work_made_before_a_part_is_of_its_context_and_what_is_made_in_one_is_not() {
    #[context_async(Request)]
    async fn body() -> (u32, String) {
        let dropped = Log::new();
        let attached = attach!(step(1));
        #[detached]
        let later = {
            let log = dropped.clone();
            let _leaves = OnDrop::new(move || log.push(seen()));
            let seen_here = seen();
            async move { format!("{seen_here} {}", seen()) }
        };
        assert_eq!(dropped.take(), ["detached"]);
        (attached.await, later.await)
    }

    assert_eq!(steps!(body()), ((1, "detached ada".to_owned()), 1));
}
