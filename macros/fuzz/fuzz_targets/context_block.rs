#![no_main]

use libfuzzer_sys::fuzz_target;
use request_context_macros_fuzz::{Macro, check};

fuzz_target!(|input: &[u8]| check(Macro::ContextBlock, input));
