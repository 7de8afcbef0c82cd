-- Looks through a table of the archive, from block `p_block` on, for what is to be forgotten:
-- what finished before the cut-off, but no children that _needs_children. Frees the correlation
-- keys that it reserved.
--
-- p_forget:   delete it. If not: only count it, the partition goes as a whole.
-- p_move_before: what is not to be forgotten and finished before this moves to gendurable.kept.
-- p_batch:    delete so many at most.
-- p_until:    when to stop; block is where to go on, null when it came to the end.
-- forgotten, moved: what it did (or counted); stay: what it looked at beside that.
--
-- A row that moves is deleted and inserted by one statement, so every reader finds it once.
-- Locks:  the rows that it deletes, never waiting. Writes: finished, kept, correlation_keys.
-- Plan:   64 blocks at a time, by TID; correlation_keys_pkey.
create function gendurable._sift(
    p_table regclass, p_block int, p_finished_before timestamptz, p_failed_before timestamptz,
    p_forget boolean, p_move_before timestamptz, p_batch int, p_until timestamptz,
    out block int, out forgotten int, out moved int, out stay int)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    c_blocks constant int := 64;
    v_blocks int := (pg_relation_size(p_table) / current_setting('block_size')::int)::int;
    v_over   int;
    v_moved  int;
    v_stay   int;
    v_query  text := format($q$
        with seen as materialized (
            select f.ctid as place, f.id, f.parent_id, coalesce(f.parent_round, -1) as round,
                   f.finished_at < case when f.failed then $4 else $3 end as old,
                   f.finished_at < $6 as leaves,
                   case when f.correlation_scope is not null then f.correlation_key end as reserved
            from %1$s as f
            where f.ctid >= $1 and f.ctid < $2
        ), needed as materialized (
            select p.parent_id, p.round
            from (select distinct s.parent_id, s.round from seen as s
                  where s.old and s.parent_id is not null) as p
            where gendurable._needs_children(p.parent_id, p.round, $4)
        ), judged as materialized (
            select s.place, s.id, s.reserved, s.leaves, s.old and n.parent_id is null as over
            from seen as s
            left join needed as n on n.parent_id = s.parent_id and n.round = s.round
        ), locked as materialized (
            select f.ctid as place, j.over
            from judged as j
            join %1$s as f on f.ctid = j.place
            where case when j.over then $5 else j.leaves end
            limit $7
            for update of f skip locked
        ), gone as (
            delete from %1$s as f using locked as l where f.ctid = l.place
            returning f as instance, l.over
        ), carried as (
            insert into gendurable.kept select (g.instance).* from gone as g where not g.over
        ), freed as (
            delete from gendurable.correlation_keys as k
            using judged as j
            where k.key = j.reserved and k.instance_id = j.id and j.over
              and (not $5 or exists (select from locked as l where l.place = j.place))
        )
        select case when $5 then l.over else j.over end as forgotten, l.moved,
               j.n - l.over - l.moved - case when $5 then 0 else j.over end as stay
        from (select count(*) as n, count(*) filter (where x.over) as over from judged as x) as j
        cross join (select count(*) filter (where x.over) as over,
                           count(*) filter (where not x.over) as moved from locked as x) as l
        $q$, p_table);
begin
    block := p_block;
    forgotten := 0;
    moved := 0;
    stay := 0;
    while block < v_blocks and forgotten < p_batch and clock_timestamp() < p_until loop
        execute v_query into v_over, v_moved, v_stay
        using format('(%s,0)', block)::tid, format('(%s,0)', block + c_blocks)::tid,
              p_finished_before, p_failed_before, p_forget, p_move_before, p_batch - forgotten;
        forgotten := forgotten + v_over;
        moved := moved + v_moved;
        stay := stay + v_stay;
        block := block + c_blocks;
    end loop;
    if block >= v_blocks then
        block := null;
    end if;
end
$$;
comment on function gendurable._sift(regclass, int, timestamptz, timestamptz, boolean, timestamptz,
                                     int, timestamptz)
    is 'Looks through a table of the archive for what is to be forgotten or moved.';
