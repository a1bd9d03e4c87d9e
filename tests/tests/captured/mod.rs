//! What is logged through `tracing`, as lines of text: the spans around it, and then what it says.

use std::{
    fmt::{Debug, Write},
    future::Future,
    mem,
    sync::{Mutex, Once, PoisonError},
};

use tracing::{
    Event, Instrument, Subscriber,
    field::{Field, Visit},
    info_span,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// The lines, and the outermost span of each.
static LINES: Mutex<Vec<(Id, String)>> = Mutex::new(Vec::new());

/// Runs `test` in a span, and returns what was logged in that span by then, on any thread:
/// `outer > inner{id=7}: what it says key=value`.
pub(crate) async fn captured(test: impl Future<Output = ()>) -> Vec<String> {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| tracing_subscriber::registry().with(Lines).init());

    let span = info_span!("test");
    test.instrument(span.clone()).await;
    // The span is open until here, so that its id is no other's.
    let root = span.id().expect("a span that is enabled");
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let all = mem::take(&mut *lines);
    let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(of, _)| *of == root);
    *lines = others;
    ours.into_iter().map(|(_, line)| line).collect()
}

struct Lines;

/// The fields of a span, as text.
struct Fields(Text);

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").unwrap();
        } else {
            let gap = if self.fields.is_empty() { "" } else { " " };
            write!(self.fields, "{gap}{field}={value:?}").unwrap();
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut text = Text::default();
        attributes.record(&mut text);
        let span = context.span(id).expect("a new span");
        span.extensions_mut().insert(Fields(text));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("a span that is open");
        let mut extensions = span.extensions_mut();
        let fields: &mut Fields = extensions.get_mut().expect("put there when it was new");
        values.record(&mut fields.0);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(scope) = context.event_scope(event) else {
            return;
        };
        let mut spans = scope.from_root();
        let root = spans.next().expect("the event's own span").id();
        let spans = spans.map(|span| {
            let extensions = span.extensions();
            match extensions.get() {
                Some(Fields(text)) if !text.fields.is_empty() => {
                    format!("{}{{{}}}", span.name(), text.fields)
                }
                _ => span.name().to_owned(),
            }
        });
        let spans = spans.collect::<Vec<_>>().join(" > ");
        let mut text = Text::default();
        event.record(&mut text);
        let words = [text.message, text.fields];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let line = format!("{spans}: {}", words.join(" "));
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((root, line));
    }
}
