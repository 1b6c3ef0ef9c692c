//! How large slabs are, how many objects they have, how much is kept: pure functions.
//!
//! The rules are the Linux kernel's (mm/slub.c): they have been weighed against real
//! programs for long, and who knows one knows the other.

use crate::error::Error;

/// Bytes of a page: what slabs are counted in. The system's pages may be larger.
pub const PAGE: usize = 4096;

/// Bytes of a span, and what its address is a multiple of.
pub const SPAN: usize = if cfg!(any(miri, percpu_loom)) { 64 << 10 } else { 1 << 20 };

/// Slabs of a span, at most.
pub(super) const MAX_SLABS: usize = 256;

/// The largest number of objects in a slab.
pub const MAX_OBJECTS: usize = 32767;

/// The largest order that is used to have more than one object in a slab.
pub const MAX_ORDER: u32 = 3;

/// The least bytes of an object.
const MIN_SIZE: usize = 8;

/// Bytes of a span before the slabs' heads: whose it is, and which slabs are free.
pub(super) const SPAN_HEAD: usize = 128;

/// Bytes of a slab's head before its links.
pub(super) const SLAB_HEAD: usize = if cfg!(percpu_loom) { 128 } else { 24 };

/// Bytes of a link.
pub(super) const LINK: usize = size_of::<percpu_core::atomic::AtomicU16>();

/// Bytes of a cache line.
const LINE: usize = 64;

/// Bits of the fraction in [`Geometry::object_at`].
const FRACTION: u32 = 40;

/// How objects of one layout lie in slabs, and slabs in spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes from one object to the next.
    pub size: usize,
    /// Of the address of each.
    pub align: usize,
    /// A slab has 2 to this power pages.
    pub order: u32,
    /// Objects of a slab.
    pub objects: usize,
    /// Slabs of a span.
    pub slabs: usize,
    /// Where the first slab of a span begins.
    pub(super) start: usize,
    /// Bytes from one slab's head to the next.
    pub(super) head: usize,
    /// 2 to the power of [`FRACTION`] by the size, rounded up.
    inverse: u64,
}

impl Geometry {
    /// For objects of `size` bytes at multiples of `align`, with at least
    /// `min_objects` in a slab if the largest order allows.
    ///
    /// # Errors
    /// [`Error::Layout`] if a span has no room for one, or if `align` is no power of
    /// two.
    #[doc(alias = "calculate_order")]
    pub const fn new(
        size: usize,
        align: usize,
        min_objects: usize,
        max_order: u32,
    ) -> Result<Self, Error> {
        let refused = Error::Layout { size, align, max: SPAN / 2 };
        if !align.is_power_of_two() || align > SPAN / 2 || size > SPAN / 2 {
            return Err(refused);
        }
        let bytes = if size < MIN_SIZE { MIN_SIZE } else { size };
        let bytes = bytes.next_multiple_of(align);
        let order = order(bytes, min_objects, max_order);
        let slab = PAGE << order;
        let objects = least(slab / bytes, MAX_OBJECTS);
        let head = (SLAB_HEAD + objects * LINK).next_multiple_of(LINE);
        let first = if align > PAGE { align } else { PAGE };
        let mut slabs = least(SPAN / slab, MAX_SLABS);
        while slabs > 0 {
            let start = (SPAN_HEAD + slabs * head).next_multiple_of(first);
            if start + slabs * slab <= SPAN {
                let inverse = (1_u64 << FRACTION).div_ceil(bytes as u64);
                return Ok(Self {
                    size: bytes,
                    align,
                    order,
                    objects,
                    slabs,
                    start,
                    head,
                    inverse,
                });
            }
            slabs -= 1;
        }
        Err(refused)
    }

    /// Bytes of a slab.
    pub const fn slab_bytes(&self) -> usize {
        PAGE << self.order
    }

    /// The slab and the object in it that a byte of a span belongs to. The byte must be
    /// of a slab; what lies behind its last object belongs to one that does not exist.
    #[inline(always)]
    pub(super) const fn object_at(&self, offset: usize) -> (usize, usize) {
        let offset = offset - self.start;
        let slab = offset >> (PAGE.trailing_zeros() + self.order);
        let inside = offset & (self.slab_bytes() - 1);
        // Exact: the inverse is too large by less than 1, so the product by less than
        // `inside`, which is less than 2^FRACTION / size, as both are below 2^20.
        (slab, ((inside as u64 * self.inverse) >> FRACTION) as usize)
    }

    /// Where in its span an object lies.
    #[inline(always)]
    pub(super) const fn offset_of(&self, slab: usize, object: usize) -> usize {
        self.start + (slab << (PAGE.trailing_zeros() + self.order)) + object * self.size
    }
}

/// The least that a slab should hold: the more CPUs, the more go to the lists at once.
pub const fn min_objects(cpus: usize) -> usize {
    4 * ((usize::BITS - cpus.leading_zeros()) as usize + 1)
}

/// The order of slabs for objects of `size` bytes: the least one that has the objects
/// and wastes little at its end; more is accepted step by step.
const fn order(size: usize, min_objects: usize, max_order: u32) -> u32 {
    let most = (PAGE << max_order) / size;
    if most == 0 {
        return pages_order(size);
    }
    let least = pages_order(least(min_objects, most) * size);
    if (PAGE << least) / size > MAX_OBJECTS {
        return pages_order(MAX_OBJECTS * size) - 1;
    }
    let mut fraction = 16;
    while fraction > 1 {
        let mut order = least;
        while order <= max_order {
            let slab = PAGE << order;
            if slab % size <= slab / fraction {
                return order;
            }
            order += 1;
        }
        fraction /= 2;
    }
    pages_order(size)
}

/// The least order whose pages hold so many bytes.
const fn pages_order(bytes: usize) -> u32 {
    bytes.div_ceil(PAGE).next_power_of_two().trailing_zeros()
}

/// Partial slabs that a node keeps although they are empty.
#[doc(alias = "set_min_partial")]
pub const fn min_partial(size: usize) -> usize {
    let half = if size == 0 { 0 } else { size.ilog2() as usize / 2 };
    if half < 5 {
        5
    } else if half > 10 {
        10
    } else {
        half
    }
}

/// Items of a magazine for objects of `size` bytes.
#[doc(alias = "calculate_sheaf_capacity")]
pub const fn magazine(size: usize) -> usize {
    match size {
        PAGE.. => 4,
        1024.. => 12,
        256.. => 28,
        _ => 60,
    }
}

const fn least(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}
