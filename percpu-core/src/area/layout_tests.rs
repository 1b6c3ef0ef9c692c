//! The steps of the search one by one, where the public face cannot reach, and
//! one example a rule.

use super::*;

fn cpus(ids: &[u32]) -> Vec<Option<CpuId>> {
    ids.iter().map(|&id| Some(CpuId::new(id))).collect()
}

fn built(sizes: &Sizes, topology: &Topology) -> Layout {
    let layout = Layout::build(sizes, topology).unwrap();
    layout.sanity(topology).unwrap();
    layout
}

/// 13 CPUs, five units an allocation: 3 allocations, 15 entries, the last two
/// empty. (An atom is a power of two, so only the steps can be asked for five.)
#[test]
fn thirteen_cpus_by_five() {
    let machine = Topology::uniform(13, 1).unwrap();
    let near = group_cpus(&machine);
    let alloc_pages = 50; // five units of ten pages
    assert_eq!(largest_divisor(alloc_pages, 5), 5);
    assert_eq!(search_upa(alloc_pages, 5, &[13]), 5);

    let groups = fill_groups(&machine, &near, 5, 40_960).unwrap();
    let [group] = &groups[..] else { panic!("one group") };
    assert_eq!(group.nr_units(), 15);
    assert_eq!(group.cpu_map()[..13], cpus(&(0..13).collect::<Vec<_>>()));
    assert_eq!(group.cpu_map()[13..], [None, None]);
}

#[test]
fn waste_is_a_third_at_most() {
    // By 8: 16 slots for 9 CPUs, 7 empty, 3 allowed. By 4: 12 slots, 3 empty.
    assert_eq!(search_upa(8, 8, &[9]), 4);
    // Two CPUs may waste nothing.
    assert_eq!(search_upa(8, 8, &[2]), 2);
    assert_eq!(search_upa(8, 8, &[1, 1]), 1);
    assert_eq!(search_upa(8, 8, &[1]), 1);
}

#[test]
fn search_stops_when_allocations_rise() {
    // 8, 4, 2 and 1 waste nothing; 8 needs the fewest allocations.
    assert_eq!(search_upa(16, 16, &[8]), 8);
    // 6 and 5 need one and two allocations: 6 stays.
    assert_eq!(search_upa(30, 6, &[6]), 6);
    // With equal allocations the smaller, so that units grow: 6 and 5 for 5.
    assert_eq!(search_upa(30, 6, &[5]), 5);
}

#[test]
fn divisors() {
    assert_eq!(largest_divisor(512, 18), 16);
    assert_eq!(largest_divisor(1, 1), 1);
    assert_eq!(largest_divisor(1 << 50, usize::MAX), 1 << 50);
    assert_eq!(largest_divisor(50, 7), 5);
    assert_eq!(largest_divisor(3, 1), 1);
}

#[test]
fn near_both_ways_or_apart() {
    let machine = |forth, back| {
        let machine = Topology::builder().cpus(0..4).node(0, [0, 3]).node(1, [1, 2]);
        let machine = machine.distance_one_way(0, 1, forth).distance_one_way(1, 0, back);
        group_cpus(&machine.build().unwrap())
    };
    let ids = |groups: Vec<Vec<CpuId>>| -> Vec<Vec<u32>> {
        groups.into_iter().map(|group| group.into_iter().map(CpuId::get).collect()).collect()
    };
    assert_eq!(ids(machine(10, 10)), [[0, 1, 2, 3]]);
    assert_eq!(ids(machine(10, 11)), [[0, 3], [1, 2]]);
    assert_eq!(ids(machine(11, 10)), [[0, 3], [1, 2]]);
}

/// Near is judged from the seed: 1 and 2 are far apart and both near 0.
#[test]
fn groups_grow_around_their_seed() {
    let machine = Topology::builder().cpus(0..4).node(0, [0]).node(1, [1]).node(2, [2, 3]);
    let near_seed = machine.clone().distance(0, 1, 10).distance(0, 2, 10).build().unwrap();
    assert_eq!(group_cpus(&near_seed).len(), 1);
    let chain = machine.distance(0, 1, 10).distance(1, 2, 10).build().unwrap();
    assert_eq!(group_cpus(&chain).len(), 2);
}

#[test]
fn groups_go_by_their_lowest_cpu() {
    let machine = Topology::builder().cpus(0..4).node(0, [2, 3]).node(1, []).node(7, [0, 1]);
    let machine = machine.build().unwrap();
    let layout = built(&Sizes::new(72 << 10), &machine);
    assert_eq!(layout.nr_groups(), 2);
    assert_eq!(layout.groups()[0].cpu_map(), cpus(&[0, 1]));
    assert_eq!(layout.groups()[0].node(), NodeId::new(7));
    assert_eq!(layout.groups()[1].node(), NodeId::new(0));
    assert_eq!(layout.groups()[1].base_offset(), layout.alloc_size());
}

#[test]
fn parts_of_a_unit() {
    let machine = Topology::uniform(1, 1).unwrap();
    let layout = built(&Sizes::new(1_001).reserved(400), &machine);
    assert_eq!(layout.static_range(), 0..1_001);
    assert_eq!(layout.reserved_range(), 1_004..1_404);
    assert_eq!(layout.dynamic_range(), 1_404..layout.size_sum());
    assert_eq!(layout.static_size() + 400 + layout.dynamic_size(), layout.size_sum());
}

/// Rounding the static part to 4 bytes may eat all of the dynamic part.
#[test]
fn no_dynamic_part() {
    let machine = Topology::uniform(1, 1).unwrap();
    let sizes = Sizes::new(4_095).reserved(0).dynamic(0).dynamic_early_minimum(0);
    let layout = built(&sizes, &machine);
    assert_eq!((layout.dynamic_size(), layout.dynamic_range()), (1, 4_096..4_096));
    let layout = built(&sizes.reserved(8_192), &machine);
    assert_eq!(layout.dynamic_range(), 12_288..12_288);
}

#[test]
fn early_minimum_is_reachable() {
    let machine = Topology::uniform(1, 1).unwrap();
    let sizes = Sizes::new(4_096).reserved(0).dynamic(0);
    assert_eq!(built(&sizes, &machine).dynamic_size(), 20 << 10);
    assert_eq!(built(&sizes.dynamic_early_minimum(12 << 10), &machine).dynamic_size(), 12 << 10);
}

#[test]
fn minimum_unit_is_whole_pages() {
    let machine = Topology::uniform(1, 1).unwrap();
    let sizes = Sizes::new(4).reserved(0).page(64 << 10).atom(64 << 10);
    assert_eq!(built(&sizes, &machine).minimum_unit_size(), 64 << 10);
    assert_eq!(built(&sizes.minimum_unit(100_000), &machine).unit_size(), 128 << 10);
}

#[test]
fn lookups() {
    let machine = Topology::builder().cpus([0, 2, 5, 7]).node(0, [0, 5]).node(1, [2, 7]);
    let layout = built(&Sizes::new(72 << 10), &machine.build().unwrap());
    assert_eq!((layout.units_per_alloc(), layout.nr_units()), (2, 4));
    let cpu = CpuId::new;
    assert_eq!([0, 5, 2, 7].map(|id| layout.unit_of(cpu(id))), [0, 1, 2, 3].map(Some));
    assert_eq!(layout.unit_offset(cpu(7)), Some(3 << 20));
    assert_eq!([0, 2, 5, 7].map(|id| layout.group_of(cpu(id))), [0, 1, 0, 1].map(Some));
    assert!(layout.groups().iter().map(Group::first_unit).eq([0, 2]));
    for stranger in [1, 3, 6, 8, u32::MAX].map(cpu) {
        assert_eq!((layout.unit_of(stranger), layout.unit_offset(stranger)), (None, None));
        assert_eq!(layout.group_of(stranger), None);
    }
    assert_eq!((layout.cpu_of(2), layout.cpu_of(4)), (Some(cpu(2)), None));
    assert_eq!(layout.span(), 4 << 20);
    let empty = built(&Sizes::new(72 << 10), &Topology::uniform(3, 1).unwrap());
    assert_eq!((empty.nr_units(), empty.cpu_of(3), empty.wasted_units()), (4, None, 1));
}

#[test]
fn each_bad_size_has_its_error() {
    use LayoutError::*;
    let machine = Topology::uniform(4, 1).unwrap();
    let error = |sizes: Sizes| Layout::build(&sizes, &machine).unwrap_err();
    let sizes = || Sizes::new(4_096);
    assert_eq!(error(Sizes::new(0)), StaticEmpty);
    assert_eq!(error(sizes().reserved(6)), ReservedMisaligned { reserved: 6 });
    assert_eq!(error(sizes().page(0)), PageNotPowerOfTwo { page: 0 });
    assert_eq!(error(sizes().page(5_000)), PageNotPowerOfTwo { page: 5_000 });
    assert_eq!(error(sizes().page(128)), PageTooSmall { page: 128, least: 256 });
    assert_eq!(error(sizes().atom(0)), AtomNotPowerOfTwo { atom: 0 });
    assert_eq!(error(sizes().atom(12_288)), AtomNotPowerOfTwo { atom: 12_288 });
    assert_eq!(error(sizes().atom(2_048)), AtomNotPages { atom: 2_048, page: 4_096 });
    assert_eq!(error(Sizes::new(usize::MAX)), UnitOverflow);
    assert_eq!(error(sizes().reserved(usize::MAX - 3)), UnitOverflow);
    assert_eq!(error(sizes().dynamic(usize::MAX)), UnitOverflow);
    assert_eq!(error(sizes().dynamic_early_minimum(usize::MAX - 10_000)), UnitOverflow);
    assert_eq!(error(sizes().minimum_unit(usize::MAX)), UnitOverflow);
    assert_eq!(error(sizes().atom(1 << (usize::BITS - 1))), UnitOverflow);
    assert!(matches!(
        error(sizes().dynamic(1 << (usize::BITS - 3))),
        SpanOverflow { units: 4, .. }
    ));
    assert_eq!(built(&sizes().page(256), &machine).page_size(), 256);
    // A huge atom is no error by itself: units grow to share it.
    assert_eq!(built(&sizes().atom(1 << (usize::BITS - 2)), &machine).units_per_alloc(), 4);
}

#[test]
fn messages_say_what_to_do() {
    let text = |error: LayoutError| error.to_string();
    assert!(text(LayoutError::AtomNotPowerOfTwo { atom: 5 }).ends_with("take 8"));
    assert!(text(LayoutError::AtomNotPowerOfTwo { atom: usize::MAX }).ends_with("smaller one"));
    assert!(text(LayoutError::ReservedMisaligned { reserved: 6 }).ends_with("round it up to 8"));
    assert!(text(LayoutError::ReservedMisaligned { reserved: usize::MAX }).contains("round it up"));
}

/// What the kernel calls the maximum distance is the span: the start of the
/// highest group, and its size.
#[test]
fn groups_may_span_less_than_three_quarters_of_the_address_space() {
    let machine = Topology::uniform(8, 2).unwrap();
    let layout = built(&Sizes::new(72 << 10), &machine);
    let last = layout.groups().last().unwrap();
    let (start, size) = (last.base_offset(), last.nr_units() * layout.unit_size());
    assert_eq!(layout.areas(), [(0, 2 << 20), (start, size)]);
    assert_eq!(layout.span(), start + size);

    let span = 4 << 20;
    for (space, fits) in [(0, false), (span, false), (5 << 20, false), (6 << 20, true)] {
        let answer = if fits { Ok(()) } else { Err(LayoutError::TooFarApart { span, space }) };
        assert_eq!(layout.fits(space), answer, "{space}");
    }
    // To the byte: three quarters of 5,592,405 are 4,194,303.75.
    assert!(layout.fits(5_592_405).is_err());
    assert!(layout.fits(5_592_406).is_ok());
    assert!(layout.fits(usize::MAX).is_ok());
    let text = layout.fits(1).unwrap_err().to_string();
    assert!(text.ends_with("pack the units page by page"), "{text}");
}
