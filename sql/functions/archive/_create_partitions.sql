-- Creates the archive's partitions for the next hours; answers how many.
--
-- Each window follows the one before it, and ends where windows of the present length do
-- (gendurable._window_length), so a changed retention shows in the windows to come.
-- A partition is built aside and attached, because CREATE TABLE ... PARTITION OF would lock the
-- archive exclusively. Attaching locks the default partition for a moment, and looks through it:
-- only if that lock is free at once, otherwise next time. Maintenance has emptied it by then.
-- finish x attach: a row on its way into the default partition would break that partition's new
-- bounds and fail its commit. So only windows into which no instance finishes now are attached:
-- those to come. A minute is more than any finishing statement takes. The window in which the
-- engine was installed lives in the default partition.
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
    v_length  interval := gendurable._window_length();
    v_from    timestamptz;
    v_to      timestamptz;
    v_name    text;
    v_created int := 0;
begin
    v_from := greatest((select max(w.upper) from gendurable._windows() as w),
                       gendurable._partition_start(now() + interval '1 minute')
                       + interval '6 hours');
    while v_from <= now() + interval '18 hours' loop
        v_to := gendurable._partition_start(v_from, v_length) + v_length;
        v_name := gendurable._partition_name(v_from);
        begin
            lock table only gendurable.finished in share update exclusive mode nowait;
            lock table gendurable.finished_default in access exclusive mode nowait;
            execute format('create table gendurable.%I (like gendurable.finished)', v_name);
            execute format('comment on table gendurable.%I is %L', v_name,
                           format('Instances that finished from %s UTC until %s UTC.',
                                  v_from at time zone 'UTC', v_to at time zone 'UTC'));
            execute format(
                'alter table gendurable.finished attach partition gendurable.%I '
                'for values from (%L) to (%L)',
                v_name, v_from, v_to);
            v_created := v_created + 1;
        exception when lock_not_available then
            exit;   -- another transaction uses the archive; the next maintenance tries again
        end;
        v_from := v_to;
    end loop;
    return v_created;
end
$$;
comment on function gendurable._create_partitions()
    is 'Creates the archive partitions for the next hours.';
