#![deny(unused_must_use)]

use std::sync::mpsc::Receiver;

use request_context::Job;

fn turn_of_the_loop(jobs: &Receiver<Job>) {
    jobs.recv().unwrap(); //~ ERROR unused `Job` that must be used
}

fn main() {}
