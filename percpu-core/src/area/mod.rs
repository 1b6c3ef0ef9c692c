//! Where copies live: layout, chunks, units.
