//! Enums whose variants are words: in files, events and answers.

/// A value that is one word of a closed list.
pub trait Word: Copy + 'static {
    /// The words, in order.
    const NAMES: &'static [&'static str];

    /// The word that events and answers use.
    #[must_use]
    fn as_str(self) -> &'static str;

    /// The value of a word; `None` if it is not in the list.
    #[must_use]
    fn from_word(word: &str) -> Option<Self>;
}

/// Declares an enum whose variants are words.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// The words, in order.
            pub const NAMES: &[&'static str] = &[$($text),+];

            /// The word that events and answers use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The value of a word; `None` if it is not in the list.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl $crate::words::Word for $name {
            const NAMES: &'static [&'static str] = &[$($text),+];

            fn as_str(self) -> &'static str {
                Self::as_str(self)
            }

            fn from_word(word: &str) -> Option<Self> {
                Self::from_word(word)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use words;
