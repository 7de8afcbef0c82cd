-- Creates the archive's partitions for now and the next hours, and gives a partition to what landed
-- in the default one.
--
-- A partition is built aside and attached, because CREATE TABLE ... PARTITION OF would lock the
-- archive exclusively. Attaching locks the default partition for a moment: only if that lock is
-- free at once, otherwise next time.
-- finish x attach: a row on its way into the default partition would break that partition's new
-- bounds and fail its commit. So only windows into which no instance finishes now are
-- attached: those to come, and those that are over and whose rows are moved. A minute on either
-- side is more than any finishing statement takes. The window in which the engine was installed
-- lives in the default partition, and rows are moved out of there only when the present has a
-- partition of its own, so that no commit waits for the move.
-- A bound is written as a text. Only ISO says an offset there, not a zone's abbreviation, of which
-- several zones may have the same.
-- Locks:  finished (share update exclusive, NOWAIT), finished_default (access exclusive, NOWAIT).
-- Writes: the archive's partitions.
create function gendurable._create_partitions() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
declare
    v_from    timestamptz;
    v_to      timestamptz;
    v_name    text;
    v_created int := 0;
begin
    for v_from, v_to in
        select w.start, w.start + interval '6 hours'
        from (select gendurable._partition_start(now() + n * interval '6 hours') as start
              from generate_series(1, 3) as n
              union
              -- Older ones are children that a living parent still needs: they stay where they are.
              select distinct gendurable._partition_start(f.finished_at)
              from gendurable.finished_default as f
              where f.finished_at > now() - interval '1 day') as w
        where w.start > now() + interval '1 minute'
           or (w.start + interval '6 hours' < now() - interval '1 minute'
               and to_regclass('gendurable.' || gendurable._partition_name(now())) is not null)
        order by w.start
    loop
        v_name := gendurable._partition_name(v_from);
        continue when to_regclass('gendurable.' || v_name) is not null;
        begin
            lock table only gendurable.finished in share update exclusive mode nowait;
            lock table gendurable.finished_default in access exclusive mode nowait;
            execute format('create table gendurable.%I (like gendurable.finished)', v_name);
            execute format('comment on table gendurable.%I is %L', v_name,
                           format('Instances that finished from %s UTC, for six hours.',
                                  v_from at time zone 'UTC'));
            execute format(
                'with moved as (
                     delete from gendurable.finished_default as f
                     where f.finished_at >= %1$L and f.finished_at < %2$L
                     returning f.*
                 )
                 insert into gendurable.%3$I select m.* from moved as m',
                v_from, v_to, v_name);
            execute format(
                'alter table gendurable.finished attach partition gendurable.%I '
                'for values from (%L) to (%L)',
                v_name, v_from, v_to);
            v_created := v_created + 1;
        exception when lock_not_available then
            null;   -- another transaction uses the archive; the next maintenance tries again
        end;
    end loop;
    return v_created;
end
$$;
comment on function gendurable._create_partitions()
    is 'Creates the partitions of the archive ahead of time; answers how many.';
