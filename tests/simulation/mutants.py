"""Break the server on purpose, one way at a time, and see the simulator find it.

    mutants.py BUILD [NAME ...] [--seeds N]

A mutant is a file of the engine with one text replaced. It is compiled with the flags of the build and linked into the
simulator in front of the libraries, so that it stands in place of the right one; then seeds are run until one fails.
A mutant that no seed finds is a failure of this test: then the simulator would not see that fault in the engine either.
A text that is not there any more is one, too: the mutant has to be brought up to date.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name, file, text, its replacement, what is broken
MUTANTS = [
    ("ack_before_sync", "engine/storage/log.c",
     "if (log->options.durability == SH_LOG_SYNC) flags |= SH_IO_OPEN_DURABLE;", "",
     "a write is answered before it is on the disk"),
    ("ack_before_write", "engine/server/journal.c",
     "return first != NULL && (first->position <= loop->journal.durable || loop->journal.has_failed);",
     "return first != NULL;",
     "a write is answered when it is in the log's memory"),
    ("write_error_ignored", "engine/storage/log.c",
     "    if (request->status != SH_OK) {\n        sh_log_fail(log, request, log->current.number);\n        return;\n    }\n    if (last > log->durable)",
     "    if (last > log->durable)",
     "a failed write counts as done"),
    ("block_checksum_ignored", "engine/storage/log_format.c",
     "return sh_log_block_checksum(block, seed) == block->checksum && !sh_log_block_is_zero(block);",
     "(void)seed; return !sh_log_block_is_zero(block);",
     "a block of the log is believed without its checksum"),
    ("damage_taken_for_torn_end", "engine/storage/log_walk.c",
     "if (block->durable >= walk->next) {", "if (block->durable >= UINT64_MAX) {",
     "damage is cut off as if it were a torn end"),
    ("not_zeroed", "engine/storage/log_space.c",
     "    case RECYCLE_ZERO:\n        zero_request(space, target_bytes(&space->target));\n",
     "    case RECYCLE_ZERO:\n        request->operation = SH_IO_FILE_SYNC_DATA;\n",
     "a file that is used again keeps what it held"),
    ("released_too_early", "engine/storage/snapshot_set.c",
     "    if (status == SH_OK && count == SH_SNAPSHOT_KEEP_COUNT) {\n        const struct sh_snapshot *oldest = &snapshots[count - 1];",
     "    if (status == SH_OK && count > 0) {\n        const struct sh_snapshot *oldest = &snapshots[0];",
     "the log is let go that only the newest snapshot holds"),
    ("applied_twice", "engine/server/recovery.c",
     "    if (status == SH_OK) status = apply(applying, &record, position, err);\n    if (status != SH_OK || record.number",
     "    record.request.seq = 0;\n    if (status == SH_OK) status = apply(applying, &record, position, err);\n"
     "    if (status == SH_OK && position % 16 == 0) status = apply(applying, &record, position, err);\n"
     "    if (status != SH_OK || record.number",
     "a start does some records twice"),
    ("replay_skips_one", "engine/storage/log_recover.c",
     "if (record.position <= after || record.count == 0) continue;",
     "if (record.position <= after + (after > 0) || record.count == 0) continue;",
     "the first record behind a snapshot is not done again"),
    ("numbers_forgotten", "engine/shard/repeats.c",
     "    if (place < client->done_count && client->done[place].seq == request->seq) {",
     "    if (place + 1 < client->done_count && client->done[place].seq == request->seq && request->seq % 8 != 0) {",
     "a write that is sent again is done again"),
    ("numbers_not_saved", "engine/shard/repeats_archive.c",
     "    sh_archive_put_u32(writer, client->done_count);\n    for (uint32_t i = 0; i < client->done_count; i++) {",
     "    sh_archive_put_u32(writer, client->done_count / 2);\n    for (uint32_t i = 0; i < client->done_count / 2; i++) {",
     "snapshots hold only some of the clients' numbers"),
    ("snapshot_in_the_midst", "engine/server/snapshot.c",
     "        if (atomic_load(&server->loops[i].write_count) > 0) return false;", "        (void)server->loops[i];",
     "a snapshot does not wait for writes that are under way"),
    ("snapshot_after_failure", "engine/server/snapshot.c",
     "    if (atomic_load(&server->failed_logs) != 0) {\n        /* Its shard", "    if (false) {\n        /* Its shard",
     "a snapshot is taken of shards that differ since a log failed"),
    ("snapshot_not_synced", "engine/storage/snapshot_set.c",
     "    if ((status = sh_disk_rename(disk, path, path_target, err)) != SH_OK) return status;\n    return sh_disk_sync_directory(disk, directory, err);",
     "    return sh_disk_rename(disk, path, path_target, err);",
     "logs are let go for snapshots whose names a power cut takes back"),
    ("snapshot_damage_ignored", "engine/storage/snapshot_files.c",
     "    if (status == SH_OK && (reader->at != file->byte_count || XXH3_64bits_digest(&reader->hash) != file->hash))",
     "    if (status == SH_OK && reader->at != file->byte_count)",
     "a snapshot is believed without its hash when it is looked for"),
    ("every_not_completed", "engine/server/recovery.c",
     "    if ((status = meet(recovery, complete_list(applying, every, notes->number_last, err), err)) != SH_OK) return status;",
     "    (void)every;\n    if ((status = meet(recovery, SH_OK, err)) != SH_OK) return status;",
     "a write to all shards that a crash cut is left in some"),
    ("lessons_not_completed", "engine/server/recovery.c",
     "recovery->shards[other].taught[loop->index].first;", "NULL;",
     "what a shard was to learn from another is lost in a crash"),
    ("merges_not_completed", "engine/server/recovery.c",
     "    if (loop->index == 0) status = decide_merges(recovery, err);", "",
     "users that a crash caught while they were merged are held for ever"),
    ("directory_not_synced", "engine/server/data_directory.c",
     "sh_disk_ensure_directory(data->disk, data->path, err)",
     "sh_disk_make_directory(data->disk, data->path, err);\n    if (status == SH_ERR_CONFLICT) status = SH_OK",
     "the name of a new data directory is not synced"),
    ("log_file_not_synced", "engine/storage/log_space.c",
     "    case CREATE_DIRECTORY:\n        request->operation = SH_IO_FILE_SYNC;\n",
     "    case CREATE_DIRECTORY:\n        request->operation = SH_IO_FILE_READ;\n",
     "the name of a new file of the log is not synced"),
    ("full_disk_strands", "engine/server/journal.c",
     "        if (errand->part_kind != SH_PART_OWN) return false;\n        refuse(loop, errand, fail_full(&errand->err));",
     "        refuse(loop, errand, fail_full(&errand->err));",
     "a full disk refuses in one shard what the others have done"),
    ("ids_begin_anew", "engine/server/recovery.c",
     "        if (loop->next_request < next) loop->next_request = next;", "        loop->next_request = 1 + 0 * next;",
     "requests bear the numbers of earlier ones after a start"),
    ("forgotten_in_memory_only", "engine/server/journal.c",
     "    return errand->request.method->writes ||\n           (errand->is_behind",
     "    return (errand->request.method->writes && strcmp(errand->request.method->name, \"user.forget\") != 0) ||\n           (errand->is_behind",
     "that somebody was forgotten is not in the log"),
]


def compile_command(build, source):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if pathlib.Path(entry["file"]) == source:
            return entry
    raise SystemExit(f"{source} is not in the build")


def link_command(build, target):
    words = subprocess.run(["ninja", "-C", str(build), "-t", "commands", "-s", target], capture_output=True, text=True,
                           check=True).stdout.strip().splitlines()[-1]
    words = re.sub(r"^: && ", "", words)
    return re.sub(r" && :$", "", words)


def edits(mutant):
    """(file, text, replacement) of each place; a mutant of several has a list of them."""
    return mutant[1] if isinstance(mutant[1], list) else [mutant[1:4]]


def compile_edit(build, folder, name, path, text, replacement):
    """The object file; or None, and why not."""
    source = ROOT / path
    code = source.read_text()
    if text not in code:
        return None, f"its text is not in {path} any more"
    mutated = folder / f"{name}-{source.name}"
    mutated.write_text(code.replace(text, replacement, 1))
    entry = compile_command(build, source)
    words = [word for word in shlex.split(entry["command"]) if word not in ("ccache", "-Werror")]
    made = mutated.with_suffix(".o")
    words[words.index("-o") + 1] = str(made)
    words[words.index("-c") + 1] = str(mutated)
    for flag in ("-MT", "-MF"):
        if flag in words:
            words[words.index(flag) + 1] = str(mutated.with_suffix(".d"))
    words += ["-iquote", str(source.parent), "-w"]
    done = subprocess.run(words, cwd=entry["directory"], capture_output=True, text=True)
    return (made, None) if done.returncode == 0 else (None, "it does not compile:\n" + done.stderr[-2000:])


def make(build, folder, mutant):
    name = mutant[0]
    objects = []
    for path, text, replacement in edits(mutant):
        made, fault = compile_edit(build, folder, name, path, text, replacement)
        if fault is not None:
            return None, fault
        objects.append(str(made))
    words = shlex.split(link_command(build, "tests/simulate"))
    program = folder / f"simulate-{name}"
    words[words.index("-o") + 1] = str(program)
    first_object = next(i for i, word in enumerate(words) if word.endswith(".o"))
    words[first_object:first_object] = objects
    done = subprocess.run(words, cwd=build, capture_output=True, text=True)
    return (program, None) if done.returncode == 0 else (None, "it does not link:\n" + done.stderr[-2000:])


def find(build, folder, mutant, seeds):
    program, fault = make(build, folder, mutant)
    if fault is not None:
        return mutant[0], False, fault
    done = subprocess.run([str(program), "--seeds", str(seeds), "--from", "1", "--jobs", "1", "--failures", "1"],
                          capture_output=True, text=True)
    program.unlink()
    found = re.search(r"^seed (\d+) fails: (.*)$", done.stdout, re.M)
    if found is None:
        return mutant[0], False, f"no seed of {seeds} sees it: {done.stdout[-400:]}{done.stderr[-400:]}"
    return mutant[0], True, f"seed {found.group(1)}: {found.group(2)[:150]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=300)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    chosen = [mutant for mutant in MUTANTS if not arguments.names or mutant[0] in arguments.names]
    words = {mutant[0]: mutant[-1] for mutant in chosen}
    missed = 0
    with tempfile.TemporaryDirectory(prefix="shoal-mutants-") as folder, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, is_found, what in pool.map(lambda mutant: find(build, pathlib.Path(folder), mutant, arguments.seeds),
                                             chosen):
            print(f"{'found ' if is_found else 'MISSED'} {name} ({words[name]})\n         {what}", flush=True)
            missed += not is_found
    print(f"{len(chosen)} mutants, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
