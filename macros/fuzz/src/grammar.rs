//! Annotated items, made from choices: each byte of an input picks one alternative of a rule.
//!
//! Rules give text. Their first alternative is the shortest, which is what they give once the bytes are used up.

use arbitrary::Unstructured;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::claims::{Input, Macro};

pub(crate) fn input(which: Macro, bytes: &[u8]) -> Input {
    let mut grammar = Grammar {
        choices: Unstructured::new(bytes),
        depth: 0,
    };
    let args = grammar.args(which);
    let item = match which {
        Macro::ContextBlock => grammar.one_of(&[Grammar::async_block, Grammar::soup]),
        _ => grammar.one_of(&[
            Grammar::annotated_fn,
            Grammar::annotated_fn,
            Grammar::annotated_fn,
            Grammar::nested_item,
            Grammar::soup,
        ]),
    };
    Input {
        args: tokens(&args),
        item: tokens(&item),
    }
}

fn tokens(text: &str) -> TokenStream {
    match text.parse() {
        Ok(tokens) => with_invisible_groups(tokens),
        Err(error) => panic!("the grammar gives no tokens: {error}: {text}"),
    }
}

/// `invisible!(..)` stands for what `macro_rules!` makes of `$e:expr`, which text cannot show.
fn with_invisible_groups(tokens: TokenStream) -> TokenStream {
    let mut done: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let TokenTree::Group(group) = token else {
            done.push(token);
            continue;
        };
        let is_invisible = matches!(
            &done[..],
            [.., TokenTree::Ident(name), TokenTree::Punct(_)] if name == "invisible"
        );
        let delimiter = match is_invisible {
            true => Delimiter::None,
            false => group.delimiter(),
        };
        if is_invisible {
            done.truncate(done.len() - 2);
        }
        done.push(Group::new(delimiter, with_invisible_groups(group.stream())).into());
    }
    done.into_iter().collect()
}

type Rule<'a> = fn(&mut Grammar<'a>) -> String;

struct Grammar<'a> {
    choices: Unstructured<'a>,
    depth: usize,
}

const DEPTH: usize = 6;

/// What rules are made of. `choices` never fails: it gives the least there is once it is used up.
impl<'a> Grammar<'a> {
    fn number(&mut self, below: usize) -> usize {
        self.choices.choose_index(below).unwrap_or(0)
    }

    fn word(&mut self, words: &[&str]) -> String {
        words[self.number(words.len())].to_owned()
    }

    fn one_of(&mut self, rules: &[Rule<'a>]) -> String {
        let rule = rules[self.number(rules.len())];
        rule(self)
    }

    /// One of what ends here, or of what goes deeper.
    fn deeper(&mut self, ends: &[Rule<'a>], goes_on: &[Rule<'a>]) -> String {
        let choice = self.number(ends.len() + goes_on.len());
        if choice < ends.len() || self.depth == DEPTH {
            return ends[choice % ends.len()](self);
        }
        self.depth += 1;
        let text = goes_on[choice - ends.len()](self);
        self.depth -= 1;
        text
    }

    fn maybe(&mut self, rule: Rule<'a>) -> String {
        match self.number(2) {
            0 => String::new(),
            _ => rule(self),
        }
    }

    fn many(&mut self, rule: Rule<'a>, separator: &str) -> String {
        let count = self.number(4);
        let parts: Vec<_> = (0..count).map(|_| rule(self)).collect();
        parts.join(separator)
    }
}

/// Arguments of the macros.
impl Grammar<'_> {
    fn args(&mut self, which: Macro) -> String {
        match (self.number(8), which) {
            (0, _) => self.soup(),
            (1..4, _) | (_, Macro::Detached) => self.many(Self::argument, ", "),
            (4, _) => format!("{}, boxed", self.ty()),
            (5, _) => format!("crate = {}, {}, allow(blocking)", self.path(), self.ty()),
            (_, _) => self.ty(),
        }
    }

    fn argument(&mut self) -> String {
        match self.number(12) {
            0 => self.ty(),
            1 => format!("crate = {}", self.path()),
            _ => self.word(&[
                "?Send", "boxed", "allow(blocking)", "crate = ::renamed", "crate", "crate = ", "?", "? Sync",
                "allow", "allow(other)", "allow(blocking, blocking)", "state = App", "Boxed", "'static", "r#boxed",
                "\"App\"",
            ]),
        }
    }
}

/// Items.
impl Grammar<'_> {
    fn annotated_fn(&mut self) -> String {
        let attributes = self.many(Self::item_attribute, " ");
        let visibility = self.word(&["", "pub", "pub(crate)", "pub(in crate::x)", "default", "pub default"]);
        let qualifiers = self.word(&[
            "async", "async", "async", "async unsafe", "const async", "async extern \"C\"", "", "unsafe", "extern",
        ]);
        let name = self.word(&["f", "f", "f", "main", "r#fn", "the_request_context", "context", "macro_rules"]);
        let generics = self.generics();
        let parameters = self.parameters();
        let output = self.maybe(|this| format!("-> {}", this.output()));
        let bounds = self.maybe(|this| format!("where {}", this.many(Self::bound, ", ")));
        let body = match self.number(8) {
            0 => ";".to_owned(),
            1 => format!("{{ {} }}", self.soup()),
            2 => self.instrumented(),
            3 => format!("{{ #![allow(unused)] {} }}", self.statements()),
            _ => self.block(),
        };
        format!(
            "{attributes} {visibility} {qualifiers} fn {name} {generics} ({parameters}) {output} {bounds} {body}"
        )
    }

    fn item_attribute(&mut self) -> String {
        self.word(&[
            "#[inline]", "#[cfg(test)]", "#[allow(unused)]", "#[doc = \"words\"]",
            "#[instrument(skip(self), err)]", "#[tracing::instrument]", "#[detached]", "#[context_async(App)]",
            "#[request_context::detached(?Send)]", "#[tokio::test]", "#[test]", "#[tokio::main]",
            "#[axum::debug_handler]", "#[async_trait]", "#[cfg_attr(x, detached)]", "#[must_use = \"why\"]",
            "#[expect(clippy::all)]", "#[a = 1 + 2]", "#[::a::b{c}]",
        ])
    }

    fn generics(&mut self) -> String {
        self.word(&[
            "", "", "", "<>", "<T>", "<'a, T: 'a + Send>", "<const N: usize>", "<'a, 'b: 'a>", "<'async_trait>",
            "<T: for<'x> Fn(&'x str) -> &'x str>", "<T: ?Sized + Clone,>", "<#[cfg(x)] T>",
        ])
    }

    fn bound(&mut self) -> String {
        format!(
            "{}: {}",
            self.ty(),
            self.word(&[
                "",
                "Send",
                "'static",
                "Sync + 'a",
                "for<'x> Fn(&'x u8)",
                "?Sized"
            ])
        )
    }

    fn parameters(&mut self) -> String {
        let receiver = self.word(&[
            "", "", "self", "&self", "&mut self", "mut self", "&'a self", "&'_ mut self", "self: Arc<Self>",
            "self: Pin<&mut Self>", "mut self: Box<Self>", "self: &'a Rc<Self>", "#[cfg(x)] self", "&mut r#self",
        ]);
        let receiver = match receiver.contains("r#") {
            true => "&mut self".to_owned(),
            false => receiver,
        };
        let mut parameters = self.many(Self::parameter, ", ");
        if self.number(16) == 1 {
            parameters = self.word(&["...", "u8: ..., x: u8", "args: ...", "mut a: u8, ...", "u8"]);
        }
        match receiver.is_empty() {
            true => parameters,
            false => format!("{receiver}, {parameters}"),
        }
    }

    fn parameter(&mut self) -> String {
        let attributes = self.word(&["", "", "", "#[cfg(x)]", "#[expect(unused)]", "#[allow(unused)] #[cfg(y)]"]);
        format!("{attributes} {}: {}", self.pattern(), self.ty())
    }

    fn output(&mut self) -> String {
        match self.number(3) {
            0 => self.word(&[
                "()", "!", "impl Sized", "Result<impl Iterator<Item = u8> + '_, Box<dyn Error>>",
                "(u8, impl Fn() -> u8)",
            ]),
            _ => self.ty(),
        }
    }

    fn nested_item(&mut self) -> String {
        match self.number(10) {
            0 => "use a::b as _;".to_owned(),
            1 => format!("fn own() {}", self.block()),
            2 => format!("macro_rules! m {{ ($e:expr) => {{ {} }}; }}", self.soup()),
            3 => format!("impl T {{ {} }}", self.annotated_fn()),
            4 => format!("const N: {} = {};", self.ty(), self.expression()),
            5 => format!("#[detached] async fn own() {}", self.block()),
            6 => format!("mod inner {{ {} }}", self.annotated_fn()),
            7 => format!("static S: {} = {};", self.ty(), self.expression()),
            8 => format!("trait Q {{ {} }}", self.annotated_fn()),
            _ => "struct Row<'a>(&'a str) where Self: Sized;".to_owned(),
        }
    }
}

/// Types, patterns and paths.
impl Grammar<'_> {
    fn ty(&mut self) -> String {
        self.deeper(
            &[|this| {
                this.word(&[
                    "App", "u8", "()", "Self", "&str", "&'a mut [u8]", "_", "!", "dyn Error", "impl Future",
                    "[u8; 4]", "T::Item", "<T as A>::B", "fn(&str) -> &str", "*const u8", "crate::App", "Row<'_>",
                    "macros!(ty)", "Box<dyn for<'x> Fn(&'x str) + Send + '_>", "[u8; { async { context!() }; 1 }]",
                ])
            }],
            &[
                |this| format!("Option<{}>", this.ty()),
                |this| format!("&{}", this.ty()),
                |this| format!("({}, {})", this.ty(), this.ty()),
                |this| format!("Pin<&'_ mut {}>", this.ty()),
                |this| format!("[{}; {}]", this.ty(), this.expression()),
                |this| format!("fn({}) -> {}", this.ty(), this.ty()),
                |this| format!("impl Fn({}) -> {}", this.ty(), this.ty()),
                |this| format!("invisible!({})", this.ty()),
                |this| format!("({})", this.ty()),
            ],
        )
    }

    fn path(&mut self) -> String {
        self.word(&[
            "f", "self::f", "::a::b", "a::b::c", "context", "tokio::spawn", "thread::sleep", "r#async::f",
            "request_context::context", "renamed::attach", "super::request_context", "JoinHandle::join",
            "block_on",
        ])
    }

    fn pattern(&mut self) -> String {
        self.deeper(
            &[|this| {
                this.word(&[
                    "a", "_", "mut a", "ref a", "Some(a)", "(a, _)", "[a, .., b]", "a @ 1..=3", "Row { a, .. }",
                    "0", "\"a\"", "context", "the_request_context", "_unused", "&a", "1..", "A::B", "-1", "None",
                    "__tracing_instrument_future", "pattern!(a)",
                ])
            }],
            &[
                |this| format!("({}, {})", this.pattern(), this.pattern()),
                |this| format!("Some({})", this.pattern()),
                |this| format!("({} | {})", this.pattern(), this.pattern()),
                |this| format!("a @ ({})", this.pattern()),
                |this| format!("invisible!({})", this.pattern()),
            ],
        )
    }
}

/// Bodies.
impl Grammar<'_> {
    fn block(&mut self) -> String {
        format!("{{ {} }}", self.statements())
    }

    fn async_block(&mut self) -> String {
        format!("async {} {}", self.word(&["move", ""]), self.block())
    }

    fn statements(&mut self) -> String {
        let statements = self.many(Self::statement, " ");
        format!("{statements} {}", self.maybe(Self::expression))
    }

    fn statement(&mut self) -> String {
        let attribute = self.word(&[
            "", "", "", "#[detached]", "#[request_context::detached]", "#[cfg(x)]", "#[detached(x)]",
            "#[detached] #[detached]", "#[allow(unused)] #[detached]", "#[other::detached]",
        ]);
        let statement = self.deeper(
            &[|_| ";".to_owned(), |this| format!("{};", this.expression())],
            &[
                |this| format!("let {} = {};", this.pattern(), this.expression()),
                |this| {
                    format!(
                        "let {}: {} = {};",
                        this.pattern(),
                        this.ty(),
                        this.expression()
                    )
                },
                |this| format!("let {};", this.pattern()),
                |this| {
                    format!(
                        "let {} = ({}) else {};",
                        this.pattern(),
                        this.expression(),
                        this.block()
                    )
                },
                Self::block_like,
                Self::nested_item,
                Self::macro_call,
                |this| format!("{};", this.macro_call()),
            ],
        );
        let attribute = match statement.as_str() {
            ";" => "",
            _ => &attribute,
        };
        format!("{attribute} {statement}")
    }

    fn block_like(&mut self) -> String {
        self.deeper(
            &[|_| "{}".to_owned()],
            &[
                Self::block,
                Self::async_block,
                |this| format!("if {} {}", this.condition(), this.block()),
                |this| {
                    format!(
                        "if {} {} else {}",
                        this.condition(),
                        this.block(),
                        this.block()
                    )
                },
                |this| format!("while {} {}", this.condition(), this.block()),
                |this| format!("'outer: loop {}", this.block()),
                |this| {
                    format!(
                        "for {} in ({}) {}",
                        this.pattern(),
                        this.expression(),
                        this.block()
                    )
                },
                |this| {
                    format!(
                        "match ({}) {{ {} }}",
                        this.expression(),
                        this.many(Self::arm, " ")
                    )
                },
                |this| format!("unsafe {}", this.block()),
                |this| format!("const {}", this.block()),
                |this| format!("'out: {}", this.block()),
            ],
        )
    }

    fn condition(&mut self) -> String {
        match self.number(3) {
            0 => format!("({})", self.expression()),
            1 => format!("let {} = ({})", self.pattern(), self.expression()),
            _ => format!(
                "({}) && let {} = f().await",
                self.expression(),
                self.pattern()
            ),
        }
    }

    fn arm(&mut self) -> String {
        let guard = self.maybe(|this| format!("if ({})", this.expression()));
        format!("{} {guard} => {{ {} }},", self.pattern(), self.expression())
    }

    fn expression(&mut self) -> String {
        self.deeper(
            &[
                |this| {
                    this.word(&[
                        "a", "1", "\"{a}\"", "self", "()", "f()", "1.5e3", "'c'", "b\"x\"",
                        "self.0.1", "r#\"\"#",
                    ])
                },
                |this| {
                    this.word(&[
                        "context!()", "scheduler!()", "attach!(f())", "f().await", "return", "..", "_",
                        "context!{}.user",
                    ])
                },
                |this| {
                    this.word(&[
                        "thread::sleep(a)", "h.join().unwrap()", "block_on(f())", "request_context::context![]",
                    ])
                },
                Self::path,
            ],
            &[
                |this| format!("({}).await", this.expression()),
                |this| format!("({}).await?", this.expression()),
                |this| format!("{}({})", this.path(), this.many(Self::expression, ", ")),
                |this| {
                    format!(
                        "({}).join({})",
                        this.expression(),
                        this.many(Self::expression, ", ")
                    )
                },
                |this| {
                    format!(
                        "a.{}::<{}>({}).await",
                        this.word(&["b", "blocking_send", "r#await"]),
                        this.ty(),
                        this.expression()
                    )
                },
                Self::macro_call,
                Self::macro_call,
                Self::block_like,
                |this| format!("|{}| {}", this.pattern(), this.expression()),
                |this| {
                    format!(
                        "async move |{}| {{ {} }}",
                        this.pattern(),
                        this.expression()
                    )
                },
                |this| {
                    format!(
                        "({}) {} ({})",
                        this.expression(),
                        this.word(&["+", "&&", "=", "..=", "+=", "<"]),
                        this.expression()
                    )
                },
                |this| {
                    format!(
                        "{}({})",
                        this.word(&[
                            "&",
                            "!",
                            "-",
                            "*",
                            "&mut ",
                            "&raw const ",
                            "return ",
                            "break 'outer ",
                            "#[a] ",
                            "#[detached] "
                        ]),
                        this.expression()
                    )
                },
                |this| {
                    format!(
                        "({}) as {}",
                        this.expression(),
                        this.word(&["u8", "Box<_>", "&dyn A"])
                    )
                },
                |this| {
                    format!(
                        "Row {{ a: {}, ..{} }}",
                        this.expression(),
                        this.expression()
                    )
                },
                |this| format!("[{}; 2]", this.expression()),
                |this| format!("({}, {})", this.expression(), this.expression()),
                |this| format!("a[{}].b", this.expression()),
                |this| format!("invisible!({}).await", this.expression()),
                |this| format!("invisible!({})", this.expression()),
                |this| this.repeated("f({}).await"),
                |this| this.repeated("({}).await"),
                |this| this.repeated("join!({}, b).await"),
                |this| this.repeated("attach!({})"),
                |this| this.repeated("context_block!(App, async {{ {} }})"),
            ],
        )
    }

    /// As deep as no program is, for what takes time by the power of depth.
    fn repeated(&mut self, around: &str) -> String {
        let around = around.replace("{{", "{").replace("}}", "}");
        let mut text = self.expression();
        for _ in 0..self.number(24) {
            let (before, after) = around.split_once("{}").unwrap_or_default();
            text = format!("{before}{text}{after}");
        }
        text
    }
}

/// Macros in bodies, and tokens that are nothing in particular.
impl Grammar<'_> {
    fn macro_call(&mut self) -> String {
        match self.number(9) {
            0 => self.word(&[
                "context!()", "context!(x)", "scheduler![]", "scheduler!{ .. }", "attach!()", "attach!(f(), g())",
            ]),
            1 => format!("attach!({})", self.expression()),
            2 => {
                let name = self.word(&["join", "try_join", "tokio::join", "futures::try_join", "::tokio::join"]);
                let biased = self.word(&["", "biased;", "biased"]);
                format!("{name}!({biased} {})", self.many(Self::expression, ", "))
            }
            3 => {
                let name = self.word(&["select", "tokio::select", "futures::select_biased"]);
                let biased = self.word(&["", "biased;"]);
                format!("{name}! {{ {biased} {} }}", self.many(Self::branch, " "))
            }
            4 => {
                let name = self.word(&[
                    "format", "println", "assert_eq", "vec", "tracing::info", "write", "panic", "error",
                ]);
                format!("{name}!({})", self.many(Self::format_argument, ", "))
            }
            5 => format!("matches!({}, {})", self.expression(), self.pattern()),
            6 => format!("context_block!({}, {})", self.ty(), self.async_block()),
            7 => format!(
                "{}!{{ {} }}",
                self.word(&[
                    "stream", "a::b", "join", "select", "vec", "matches", "context"
                ]),
                self.soup()
            ),
            _ => format!("vec![{}; {}]", self.expression(), self.expression()),
        }
    }

    fn branch(&mut self) -> String {
        let head = match self.number(4) {
            0 => self.word(&["else", "complete", "default"]),
            1 => format!(
                "{} = {}, if {}",
                self.pattern(),
                self.expression(),
                self.expression()
            ),
            _ => format!("{} = {}", self.pattern(), self.expression()),
        };
        let handler = match self.number(2) {
            0 => self.block(),
            _ => format!("{},", self.expression()),
        };
        format!("{head} => {handler}")
    }

    fn format_argument(&mut self) -> String {
        let before = self.word(&[
            "", "", "target:", "user.id =", "?", "%", "name = %", "\"key\" =", "r#type =", "parent: &",
        ]);
        format!("{before} {}", self.expression())
    }

    fn soup(&mut self) -> String {
        let count = self.number(12);
        let mut text = String::new();
        for _ in 0..count {
            text += " ";
            text += &self.deeper(
                &[|this| {
                    this.word(&[
                        ",", ";", "=", "=>", "->", ":", "::", "#", "!", "?", ".", "..", "&", "'a", "<", ">", "|",
                        "@", "$x", "$", "-", "fn", "async", "await", ".await", "move", "let", "if", "else",
                        "crate", "self", "Self", "pub", "impl", "trait", "mod", "const", "unsafe", "extern",
                        "default", "safe", "for", "dyn", "use", "where", "context", "context!",
                        "request_context::context!", "scheduler!", "attach!", "context_block!", "detached",
                        "boxed", "Send", "App", "a", "_", "r#fn", "1", "1.5", "\"s\"", "'c'", "b'x'", "c\"s\"",
                        "r##\"\"#\"##", "1e9f32", "é", "/// doc\n", "//! doc\n", "/* c */",
                    ])
                }],
                &[
                    |this| format!("({})", this.soup()),
                    |this| format!("[{}]", this.soup()),
                    |this| format!("{{{}}}", this.soup()),
                    |this| format!("invisible!({})", this.soup()),
                    |this| format!("fn a{{{}}}", this.soup()),
                    Self::expression,
                    Self::statement,
                    Self::ty,
                ],
            );
        }
        text
    }

    /// What `#[instrument]` leaves, in the shapes of its versions.
    fn instrumented(&mut self) -> String {
        let anchor = "if false { let __tracing_attr_fake_return: u8 = loop {}; return __tracing_attr_fake_return; }";
        let body = self.statements();
        let wrapped = match self.number(4) {
            0 => body,
            1 => format!("{anchor} {{ {body} }}"),
            2 => format!(
                "match async move {{ {anchor} {{ {body} }} }}.await {{ Ok(x) => Ok(x), Err(e) => {{ f().await }} }}"
            ),
            _ => format!("{anchor} async {{ {anchor} {body} }}.await"),
        };
        format!(
            "{{ let __tracing_instrument_future = async move {{ {wrapped} }}; Instrumented(__tracing_instrument_future).await }}"
        )
    }
}
