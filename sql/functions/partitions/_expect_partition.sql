-- Answers which database this is, if a virtual partition can come here: it is one of many, and the
-- partition is not on its way from here to another one.
--
-- Locks:  none. Writes: nothing. Plan: departures_pkey.
-- Errors: GD002 it cannot come here.
create function gendurable._expect_partition(p_partition int) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination text;
begin
    if pg_sequence_last_value('gendurable.partitions') is null then
        perform gendurable._refuse(
            'GD002', format('database %s is not one of many', current_database()),
            'Install it as one: gendurable-py install --partitions none');
    end if;
    select d.destination into v_destination
    from gendurable.departures as d where d.partition = p_partition;
    if v_destination is not null then
        perform gendurable._refuse(
            'GD002', format('partition %s is on its way from database %s to %s', p_partition,
                            current_database(), v_destination),
            'Go on with that move; when it has ended, move the partition back.');
    end if;
    return format('database %s of server %s', current_database(),
                  (select c.system_identifier from pg_control_system() as c));
end
$$;
comment on function gendurable._expect_partition(int) is
    'Which database this is, if a virtual partition can come here.';
