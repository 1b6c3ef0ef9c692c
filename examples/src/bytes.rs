//! Sizes as people write them: `72K`, `2M`, `4096`.

/// Reads a number of bytes with an optional suffix: `K`, `M` or `G` (1,024 to
/// the power of 1, 2, 3), in either case, with or without `iB` or `B`.
///
/// # Errors
///
/// A sentence that says what is wrong and what would be right.
///
/// ```
/// use percpu_examples::bytes::parse;
/// assert_eq!(parse("72K"), Ok(73_728));
/// assert_eq!(parse("2MiB"), Ok(2_097_152));
/// assert!(parse("2T").unwrap_err().contains("K, M or G"));
/// ```
pub fn parse(text: &str) -> Result<usize, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    if digits.is_empty() {
        return Err("a size starts with digits, as in 72K".to_owned());
    }
    let factor = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(format!("`{suffix}` is no suffix: use K, M or G, as in 72K")),
    };
    let number: usize = digits.parse().map_err(|_| "the number is too large".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "the size is more than an address can span".to_owned())
}

/// Writes a number of bytes with the largest suffix that leaves it whole.
///
/// ```
/// use percpu_examples::bytes::show;
/// assert_eq!([0, 4095, 73_728, 2 << 20].map(show), ["0", "4095", "72K", "2M"]);
/// ```
#[must_use]
pub fn show(bytes: usize) -> String {
    for (suffix, factor) in [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)] {
        if bytes > 0 && bytes.is_multiple_of(factor) {
            return format!("{}{suffix}", bytes / factor);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suffix() {
        for (text, bytes) in [("0", 0), ("7", 7), ("7b", 7), ("1k", 1024), ("3MB", 3 << 20)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        assert_eq!(parse("1GiB"), Ok(1 << 30));
    }

    #[test]
    fn faults() {
        for text in ["", "K", "-1", " 1", "1 K", "1.5M", "0x10", "1KK", "1é", "1T"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("99999999999999999999").unwrap_err().contains("too large"));
        assert!(parse("18446744073709551615G").unwrap_err().contains("address"));
    }
}
