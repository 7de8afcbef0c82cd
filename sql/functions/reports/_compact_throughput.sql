-- Adds up what minutes that are over have, and deletes those that are over for a day, for some
-- 10 ms each; answers whether some are left. Called by the one transaction that maintains.
--
-- What it has done it never looks at again, because it notes the minute to which it came: an index
-- entry of a deleted row costs nothing, however long a snapshot keeps it. What a transaction that
-- was open for minutes adds to one that it has passed stays as it is; the view adds up all.
-- Locks:  none beside the rows, for which no other transaction asks. Writes: throughput, progress.
-- Plan:   throughput_minute.
create function gendurable._compact_throughput() returns boolean
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
    v_task   text;
    v_before timestamptz;
    v_until  timestamptz;
    v_at     gendurable.progress;
    v_from   timestamptz;
    v_minute timestamptz;
    v_gone   bigint;
    v_more   boolean := false;
begin
    foreach v_task in array '{throughput,throughput_old}'::text[] loop
        v_before := now() - case v_task when 'throughput' then interval '2 minutes'
                                        else interval '1 day' end;
        v_until := clock_timestamp() + interval '10 ms';
        v_at := gendurable._read_progress(v_task);
        v_from := case when v_at.position = '0' then '-infinity'
                       else to_timestamp(v_at.position::float8) end;
        loop
            select t.minute into v_minute from gendurable.throughput as t
            where t.minute > v_from and t.minute < v_before
            order by t.minute limit 1;
            exit when not found;
            if clock_timestamp() >= v_until then
                v_more := true;
                exit;
            end if;
            with gone as (
                delete from gendurable.throughput as d
                where d.ctid = any (array(
                    select t.ctid from gendurable.throughput as t
                    where t.minute = v_minute and (v_task <> 'throughput' or not t.compacted)
                    limit 2000))
                returning d.*
            ), added as (
                insert into gendurable.throughput
                    (minute, queue, fsm, step, kind, count, seconds, slowest, compacted)
                select g.minute, g.queue, g.fsm, g.step, g.kind, sum(g.count), sum(g.seconds),
                       max(g.slowest), true
                from gone as g
                where v_task = 'throughput'
                group by g.minute, g.queue, g.fsm, g.step, g.kind
            )
            select count(*) into v_gone from gone;
            if v_gone < 2000 then
                v_from := v_minute;
                v_at.position := extract(epoch from v_minute)::bigint::text;
            end if;
        end loop;
        perform gendurable._note_progress(v_at);
    end loop;
    return v_more;
end
$$;
comment on function gendurable._compact_throughput()
    is 'Adds up minutes that are over, and deletes old ones; answers whether some are left.';
