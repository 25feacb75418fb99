//! The `sidewall` program: nothing but the way into `cli`.

fn main() {}
