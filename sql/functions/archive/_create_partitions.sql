-- Creates the partitions of the archive, or of the history, for the next hours; answers how many.
--
-- p_from: where the first window may begin, if none is there or they have run out; null: where one
--         does in six hours or less.
-- Each window follows the one before it, and ends where windows of the present length do
-- (gendurable._window_length), so a changed retention shows in the windows to come.
-- A partition is built aside and attached, because CREATE TABLE ... PARTITION OF would lock the
-- archive exclusively. Attaching locks the default partition for a moment, and looks through it:
-- only if that lock is free at once, otherwise next time. Maintenance has emptied it by then.
-- finish x attach: a row on its way into the default partition would break that partition's new
-- bounds and fail its commit. So only windows into which no instance finishes now are attached:
-- those to come. A minute is more than any finishing statement takes. What finishes before the
-- first window lives in the default partition, from which maintenance moves it when that has begun.
-- A bound is written as a text. Only ISO says an offset there, not a zone's abbreviation, of which
-- several zones may have the same.
-- Locks:  the table (share update exclusive, NOWAIT), its default partition (access exclusive,
--         NOWAIT).
-- Writes: the partitions.
create function gendurable._create_partitions(
    p_table regclass default 'gendurable.finished', p_from timestamptz default null)
returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
declare
    -- As it is called, not as the session would write it (quote_all_identifiers).
    v_table   name := (select c.relname from pg_class as c where c.oid = p_table);
    v_length  interval := gendurable._window_length();
    v_from    timestamptz;
    v_to      timestamptz;
    v_name    text;
    v_created int := 0;
begin
    v_from := greatest((select max(w.upper) from gendurable._windows(p_table) as w),
                       coalesce(p_from, gendurable._partition_start(now() + interval '1 minute')
                                        + interval '6 hours'));
    while v_from <= now() + interval '18 hours' loop
        v_to := gendurable._partition_start(v_from, v_length) + v_length;
        v_name := gendurable._partition_name(v_from, v_table);
        begin
            execute format('lock table only %s in share update exclusive mode nowait', p_table);
            execute format('lock table gendurable.%I in access exclusive mode nowait',
                           v_table || '_default');
            execute format('create table gendurable.%I (like %s)', v_name, p_table);
            execute format('comment on table gendurable.%I is %L', v_name,
                           format('What happened from %s UTC until %s UTC.',
                                  v_from at time zone 'UTC', v_to at time zone 'UTC'));
            execute format(
                'alter table %s attach partition gendurable.%I for values from (%L) to (%L)',
                p_table, v_name, v_from, v_to);
            v_created := v_created + 1;
        exception when lock_not_available then
            exit;   -- another transaction uses the archive; the next maintenance tries again
        end;
        v_from := v_to;
    end loop;
    return v_created;
end
$$;
comment on function gendurable._create_partitions(regclass, timestamptz)
    is 'Creates the partitions of the archive or the history for the next hours.';
