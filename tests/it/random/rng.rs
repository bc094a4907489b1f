//! Random numbers that a seed repeats, and how many commands a run has.

use std::hash::{BuildHasher as _, RandomState};

/// Draws numbers (SplitMix64: Steele, Lea, Flood, 2014).
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    /// What that seed begins; every `stream` of it is another one.
    pub fn new(seed: u64, stream: usize) -> Rng {
        let mut rng = Rng(seed);
        (0..=stream).for_each(|_| rng = Rng(rng.draw()));
        rng
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below that one.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Whether it happens, in so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// One of several, each as often as it weighs.
    pub fn weighted<T: Clone>(&mut self, all: &[(usize, T)]) -> T {
        let mut left = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in all {
            if left < *weight {
                return one.clone();
            }
            left -= weight;
        }
        unreachable!("the weights have a sum")
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|said| said.parse().unwrap())
}

/// The seed of this run, which is printed: a failure is repeated with it.
pub fn seed() -> u64 {
    let seed = setting("POTTS_RANDOM_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    eprintln!("POTTS_RANDOM_SEED={seed}");
    seed
}

/// How many commands are sent.
pub fn size(default: usize) -> usize {
    setting("POTTS_RANDOM_COMMANDS").map_or(default, |said| usize::try_from(said).unwrap())
}
