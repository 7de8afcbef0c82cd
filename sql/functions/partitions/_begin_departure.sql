-- Notes that a virtual partition is to leave for another database, before anything of it is
-- stopped. Called again, after an interruption, it changes nothing.
--
-- p_destination: what gendurable._expect_partition of the other database has answered.
-- Locks:  the departure. Writes: departures. Plan: departures_pkey.
-- Errors: GD002 the partition is not here, and has not left from here; it is on its way elsewhere.
create function gendurable._begin_departure(p_partition int, p_destination text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination text;
begin
    if gendurable._holds_partition(p_partition) then
        -- One that has left and come back may have been noted.
        insert into gendurable.departures as d (partition, destination)
        values (p_partition, p_destination)
        on conflict (partition) do update set destination = excluded.destination;
        return;
    end if;
    select d.destination into v_destination
    from gendurable.departures as d where d.partition = p_partition;
    if v_destination is null then
        perform gendurable._refuse(
            'GD002', format('partition %s is not in database %s', p_partition, current_database()),
            'Move it from the database that has it, or go on with the move that was interrupted.');
    elsif v_destination <> p_destination then
        perform gendurable._refuse(
            'GD002', format('partition %s is on its way to %s, not to %s', p_partition,
                            v_destination, p_destination),
            'Go on with that move.');
    end if;
end
$$;
comment on function gendurable._begin_departure(int, text) is
    'Notes that a virtual partition is to leave for another database.';
