# Kernels and a busybox for machines.sh, from Debian's archive. Sourced, not run;
# wants $work.

# debian SUITE ARCH COMMAND...: apt with a state of its own, for a Debian that this
# machine is not; from the archive that this machine uses.
debian() {
    local suite=$1 arch=$2 state=$work/apt/$1-$2 command=$3 archive
    shift 3
    archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | sort -u | head -n 1)
    mkdir -p "$state"/{etc/apt.conf.d,etc/preferences.d,lists/partial,archives/partial}
    : > "$state/status"
    echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" \
        > "$state/etc/sources.list"
    "$command" -qq "$@" -o Dir::Etc="$state/etc" -o Dir::State="$state" -o Dir::Cache="$state" \
        -o Dir::State::status="$state/status" -o APT::Architecture="$arch" \
        -o APT::Architectures="$arch" -o APT::Sandbox::User= -o Acquire::Languages=none
}

# unpack SUITE ARCH PACKAGE: into $work/unpacked/PACKAGE, which it prints.
unpack() {
    local into=$work/unpacked/$3-$2
    if [ ! -d "$into" ]; then
        rm -rf "$into.new"
        mkdir -p "$into.new"
        (cd "$into.new" && debian "$1" "$2" apt-get download "$3" > /dev/null && dpkg-deb -x ./*.deb .) ||
            return 1
        rm "$into.new"/*.deb
        mv "$into.new" "$into"
    fi
    echo "$into"
}

# system SUITE ARCH: the suite's kernel as $work/SUITE-ARCH/kernel, busybox beside it.
system() {
    local into=$work/$1-$2 package=linux-image-cloud-$2 next image busybox
    [ -s "$into/kernel" ] && return
    mkdir -p "$into"
    debian "$1" "$2" apt-get update || return 1
    # The package names the newest kernel, which may itself be in a third.
    while next=$(debian "$1" "$2" apt-cache depends "$package" |
        grep -oE 'Depends: linux-(image|binary)-[0-9][^ ]*'); do
        package=${next#Depends: }
    done
    [ -d "$work/apt/bookworm-$2/lists/auxfiles" ] || debian bookworm "$2" apt-get update || return 1
    busybox=$(unpack bookworm "$2" busybox-static) && image=$(unpack "$1" "$2" "$package") || return 1
    cp "$busybox/bin/busybox" "$into/busybox"
    cp "$(find "$image" -type f -name 'vmlinuz*')" "$into/kernel"
}
