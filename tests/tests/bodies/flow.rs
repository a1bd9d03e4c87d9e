//! Control flow, and the places in expressions where an await may stand.

use std::{
    future::{Future, IntoFuture, Ready, ready},
    pin::{Pin, pin},
};

use request_context::{RequestContext, attach, context, context_async, detached};
use request_context_tests::{Log, Request, on_pool, suspend};

use super::{fails, step};

/// `work` as it is, in a block that must be `unsafe`.
///
/// # Safety
///
/// None is needed.
unsafe fn same<T>(work: T) -> T {
    work
}

#[test]
fn returns_questions_and_labels_leave_the_body_where_they_stand() {
    #[context_async(Request)]
    async fn early(at: u32) -> Result<u32, String> {
        if at == 0 {
            return step(Ok(0)).await;
        }
        if at == 1 {
            return Ok(fails(1).await?);
        }
        let found = 'search: {
            for row in 0..3 {
                'columns: loop {
                    if step(row).await == at - 2 {
                        break 'search step(Some(row)).await;
                    }
                    break 'columns;
                }
            }
            None
        };
        let Some(found) = found else {
            return Err(step(format!("no {at} for {}", context!().user)).await);
        };
        let doubled = loop {
            break step(found).await * 2;
        };
        suspend().await;
        let mut left = 3;
        while step(left).await > 0 {
            left -= 1;
            if left == 1 {
                continue;
            }
            step(()).await;
        }
        Ok(doubled)
    }

    assert_eq!(steps!(early(0)), (Ok(0), 1));
    assert_eq!(steps!(early(1)), (Err("1 for ada".into()), 1));
    assert_eq!(steps!(early(3)), (Ok(2), 2 + 1 + 1 + 4 + 2));
    assert_eq!(steps!(early(9)), (Err("no 9 for ada".into()), 3 + 1));
}

#[test]
fn let_else_if_let_and_their_chains_await_in_every_part() {
    #[context_async(Request)]
    async fn chains(input: Option<u32>) -> u32 {
        let Some(first) = step(input).await else {
            step(()).await;
            return 0;
        };
        let second = if let Some(x) = step(Some(first)).await
            && step(x > 1).await
            && let Ok(y) | Err(y) = step(Ok::<_, u32>(x)).await
            && matches!(step(y).await, 2..)
        {
            step(y).await
        } else if let None = step(None::<()>).await {
            step(10).await
        } else {
            unreachable!()
        };
        let mut rows = vec![1, 2, 3];
        let mut sum = 0;
        while let Some(row) = step(rows.pop()).await
            && step(row != 1).await
        {
            sum += row;
        }
        second + sum
    }

    assert_eq!(steps!(chains(None)), (0, 2));
    assert_eq!(steps!(chains(Some(1))), (10 + 5, 1 + 2 + 2 + 6));
    assert_eq!(steps!(chains(Some(2))), (2 + 5, 1 + 5 + 6));
}

#[test]
fn scrutinees_guards_arms_and_their_attributes_await() {
    #[context_async(Request)]
    async fn arms(input: u32) -> &'static str {
        match step(input).await {
            0 if step(false).await => "never",
            x @ 0..=1 if step(x == 0).await => "guarded",
            #[cfg(any())]
            _ => missing(),
            #[allow(clippy::match_same_arms)]
            1 => step("one").await,
            2 => match { step(2).await } {
                2 if async { true }.await => "nested",
                _ => unreachable!(),
            },
            _ => return step("more").await,
        }
    }

    assert_eq!(steps!(arms(0)), ("guarded", 3));
    assert_eq!(steps!(arms(1)), ("one", 4 - 1));
    assert_eq!(steps!(arms(2)), ("nested", 2));
    assert_eq!(steps!(arms(3)), ("more", 2));
}

#[test]
fn chains_of_awaits_and_questions_go_through_methods_fields_and_indices() {
    struct Row {
        next: Ready<Result<Ready<Vec<u32>>, String>>,
    }

    impl Row {
        #[context_async(Request)]
        async fn of<const N: usize>(user: &str) -> Result<Row, String> {
            step(()).await;
            assert_eq!(user, context!().user);
            let next = ready(Ok(ready(vec![1; N])));
            Ok(Row { next })
        }

        #[context_async(Request)]
        async fn plus(&self, more: u32) -> u32 {
            step(more).await + 1
        }
    }

    #[context_async(Request)]
    async fn chained() -> Result<u32, String> {
        let user = &context!().user;
        let first = Row::of::<3>(user).await?.next.await?.await[2];
        let row = Row::of::<{ 1 + 1 }>(user).await?;
        let second = row.plus(row.plus(first).await).await;
        let negative = -step(1).await as i64 + i64::from(!step(0u32).await == u32::MAX);
        let [a, ref b, ..] = [step(1).await, *&step(2).await, step(3).await];
        let range = step(1).await..=step(2).await;
        Ok(second + a + *b + range.sum::<u32>() + negative as u32)
    }

    assert_eq!(steps!(chained()), (Ok(3 + 1 + 2 + 3), 2 + 2 + 2 + 3 + 2));
}

#[test]
fn awaits_stand_in_structs_tuples_closures_arguments_and_compound_assignments() {
    #[derive(Clone, Default, Debug, PartialEq)]
    struct Page {
        title: String,
        rows: (u32, u32),
        extra: [u32; 2],
    }

    #[context_async(Request)]
    async fn page() -> Page {
        let mut page = Page {
            title: step("t".to_owned()).await,
            #[cfg(any())]
            missing: step(1).await,
            ..step(Page::default()).await
        };
        (page.rows.0, _) = step((1, 2)).await;
        page.rows.1 += step(3).await;
        page.extra[step(1).await] = step(4).await;
        page.extra = [page.extra[step(1).await]; 2];
        let add = |a: u32, b: u32| a + b;
        page.rows.0 = add(step(5).await, step(6).await);
        page.title.push_str(&step(String::from("!")).await);
        *(&mut page.rows.1) *= step(2).await;
        page
    }

    let expected = Page {
        title: "t!".into(),
        rows: (11, 6),
        extra: [4, 4],
    };
    assert_eq!(steps!(page()), (expected, 11));
}

#[test]
fn what_is_awaited_may_be_any_expression() {
    struct Later(u32);

    impl IntoFuture for Later {
        type Output = u32;
        type IntoFuture = Ready<u32>;

        fn into_future(self) -> Ready<u32> {
            ready(self.0)
        }
    }

    #[context_async(Request)]
    async fn any(flag: bool) -> u32 {
        let mut sum = 0;
        sum += if flag { step(1) } else { step(2) }.await;
        sum += match flag {
            true => step(4),
            false => step(8),
        }
        .await;
        sum += { step(16) }.await;
        sum += (unsafe { same(step(32)) }).await;
        sum += (|| step(64))().await;
        sum += Later(128).await;
        sum += (Box::pin(ready(256_u32)) as Pin<Box<dyn Future<Output = u32> + Send>>).await;
        let mut pinned = pin!(attach!(step(512)));
        sum += (&mut pinned).await;
        sum += pin!(ready(1024)).as_mut().await;
        sum += std::convert::identity::<Ready<u32>>(ready(2048)).await;
        sum += loop {
            break step(4096);
        }
        .await;
        async {}.await;
        {
            step(()).await
        };
        unsafe { same(step(())) }.await;
        sum
    }

    assert_eq!(steps!(any(true)).0, 8191 - 2 - 8);
}

#[test]
fn unsafe_blocks_and_fns_hold_awaits_and_words() {
    #[context_async(Request)]
    async unsafe fn is_unsafe(value: u32) -> u32 {
        step(value).await + context!().count.get() + unsafe { same(step(0).await) }
    }

    #[context_async(Request)]
    async fn body() -> u32 {
        unsafe {
            let first = same(step(1).await);
            let (joined,) = tokio::join!(step(same(first)));
            let user = same(context!().user.len());
            #[detached]
            same(suspend()).await;
            #[detached]
            let off = same(request_context_tests::seen());
            assert_eq!((user, off.as_str()), (3, "detached"));
            is_unsafe(joined).await + same(attach!(step(1)).await)
        }
    }

    assert_eq!(steps!(body()), (1 + 3 + 1, 2 + 2 + 1));
}

#[test]
fn a_macro_with_braces_ends_its_statement_and_the_next_may_await() {
    macro_rules! nothing {
        () => {};
    }

    #[context_async(Request)]
    async fn statements() -> u32 {
        nothing! {}
        step(1).await;
        if step(true).await {}
        step(2).await;
        nothing![];
        vec![step(1).await];
        async {}.await;
        step(3).await;
        loop {
            break;
        }
        step(4).await
    }

    assert_eq!(steps!(statements()), (4, 6));
}

#[test]
fn temporaries_live_as_long_as_in_a_plain_body() {
    struct Temporary(Log);

    impl Temporary {
        fn later(&self) -> Ready<u32> {
            ready(1)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            self.0.push("dropped");
        }
    }

    macro_rules! body {
        ($name:ident, $($attribute:tt)*) => {
            $($attribute)*
            async fn $name(log: Log) {
                log.push("let");
                let _one = Temporary(log.clone()).later().await;
                log.push("extended");
                let _kept = &Temporary(log.clone());
                log.push("match");
                match Temporary(log.clone()).later().await {
                    _ => log.push("in the match"),
                }
                log.push("if");
                if Temporary(log.clone()).later().await == 1 {
                    log.push("in the if");
                }
                if let 1 = Temporary(log.clone()).later().await {
                    log.push("in the if let");
                }
                log.push("end");
                (Temporary(log.clone()).later().await, log.push("tail")).1
            }
        };
    }
    body!(plain,);
    body!(on_its_context, #[context_async(Request)]);
    body!(off_it, #[detached]);

    on_pool!(2, async {
        let log = Log::new();
        plain(log.clone()).await;
        let expected = log.take();
        let context = RequestContext::new(Request::of("ada"));
        context.run(on_its_context(log.clone())).await;
        assert_eq!(log.take(), expected);
        off_it(log.clone()).await;
        assert_eq!(log.take(), expected);
    });
}
