-- Looks through a table of the history for some 10 ms, from where the last call stopped: forgets
-- what happened before the cut-off, and with p_move moves all else to gendurable.history_kept.
-- Answers whether it has forgotten or moved something and is not through.
--
-- A row that moves is deleted and inserted by one statement, so every reader finds it once.
-- Locks:  none beside the rows, for which no other transaction asks: the caller maintains.
-- Writes: history_default, history_kept, progress.
-- Plan:   64 blocks at a time, by TID.
create function gendurable._sift_history(p_table regclass, p_cutoff timestamptz, p_move boolean)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_blocks constant int := 64;
    v_until  timestamptz := clock_timestamp() + interval '10 ms';
    v_blocks int := (pg_relation_size(p_table) / current_setting('block_size')::int)::int;
    v_at     gendurable.progress := gendurable._read_progress(p_table::text);
    v_block  int := v_at.position::int;
    v_gone   int;
    v_any    boolean := false;
    v_query  text := format($q$
        with gone as (
            delete from %s as h
            where h.ctid >= $1 and h.ctid < $2 and ($4 or h.at < $3)
            returning h.*
        ), moved as (
            insert into gendurable.history_kept select g.* from gone as g where g.at >= $3
        )
        select count(*) from gone $q$, p_table);
begin
    while v_block < v_blocks and clock_timestamp() < v_until loop
        execute v_query into v_gone
        using format('(%s,0)', v_block)::tid, format('(%s,0)', v_block + c_blocks)::tid,
              p_cutoff, p_move;
        v_any := v_any or v_gone > 0;
        v_block := v_block + c_blocks;
    end loop;
    v_at.position := case when v_block < v_blocks then v_block else 0 end::text;
    perform gendurable._note_progress(v_at);
    return v_any and v_block < v_blocks;
end
$$;
comment on function gendurable._sift_history(regclass, timestamptz, boolean)
    is 'Forgets or moves rows of a table of the history; answers whether some are left.';
