//! One spelling of a text for searches, so that a text is found however it is typed: Arabic letters that are written in several ways,
//! diacritics, tatweel, digits of three scripts, capitals and accents.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Words of a text that are kept, at most.
const MAX_WORDS: usize = 32;
/// Letters of a word that count.
const MAX_LETTERS: usize = 40;

/// The words of a text, each once, in their order and in one spelling. Whatever is neither letter nor digit parts words.
pub fn words(text: &str) -> Vec<String> {
    let spelt = spelt(text);
    let mut words: Vec<String> = Vec::new();
    for word in spelt.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(MAX_LETTERS).collect();
        if words.len() == MAX_WORDS {
            break;
        }
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// A text in one spelling.
fn spelt(text: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    decomposed.chars().filter(|letter| !is_mark(*letter)).flat_map(char::to_lowercase).map(letter).collect()
}

/// The digits of three scripts as ASCII; all else as it is.
pub fn ascii_digits(text: &str) -> String {
    text.chars().map(ascii_digit).collect()
}

fn letter(letter: char) -> char {
    match letter {
        // Alef wasla; the alefs with hamza or madda were decomposed before.
        'ٱ' => 'ا',
        // Alef maksura, and the ya of Persian keyboards.
        'ى' | 'ی' => 'ي',
        'ة' | 'ە' => 'ه',
        'ک' => 'ك',
        other => ascii_digit(other),
    }
}

/// A digit of three scripts as ASCII; another character as it is.
pub fn ascii_digit(letter: char) -> char {
    let ascii = |zero: char| char::from(b'0' + (u32::from(letter) - u32::from(zero)) as u8);
    match letter {
        '٠'..='٩' => ascii('٠'),
        '۰'..='۹' => ascii('۰'),
        other => other,
    }
}

/// Diacritics and other marks upon letters, tatweel, and characters without width.
fn is_mark(letter: char) -> bool {
    matches!(letter,
        '\u{0300}'..='\u{036F}' | '\u{0610}'..='\u{061A}' | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}'
        | '\u{06D6}'..='\u{06DC}' | '\u{06DF}'..='\u{06E4}' | '\u{06E7}' | '\u{06E8}' | '\u{06EA}'..='\u{06ED}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_the_same_however_it_is_written() {
        for (written, other) in [
            ("أحمد", "احمد"),
            ("إسراء", "اسراء"),
            ("آمال", "امال"),
            ("ٱلرحمن", "الرحمن"),
            ("منى", "مني"),
            ("فاطمة", "فاطمه"),
            ("مُحَمَّد", "محمد"),
            ("محـــمد", "محمد"),
            ("ﻣﺤﻤﺪ", "محمد"),
            ("علی", "علي"),
            ("هٰذا", "هذا"),
            ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
            ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
            ("Café", "CAFE"),
            ("SKU\u{200F}7", "sku7"),
        ] {
            assert_eq!(words(written), words(other), "{written} and {other}");
        }
        assert_ne!(words("تمر"), words("ثمر"));
    }

    #[test]
    fn words_end_at_whatever_is_neither_letter_nor_digit_and_stand_once() {
        assert_eq!(words("تمر سكري - SKU-700/تمر"), ["تمر", "سكري", "sku", "700"]);
        assert_eq!(words(" ،؟ "), Vec::<String>::new());
        assert_eq!(words(&"ا ب ت ث ".repeat(100)).len(), 4);
        assert_eq!(words(&"x".repeat(100)), ["x".repeat(MAX_LETTERS)]);
    }

    proptest! {
        #[test]
        fn spelling_a_word_again_changes_nothing(text in ".{0,60}") {
            for word in words(&text) {
                prop_assert_eq!(words(&word), vec![word]);
            }
        }
    }
}
