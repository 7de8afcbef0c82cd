-- A finished instance, and the table that holds it; nulls if there is none.
--
-- Looked up in one partition after the other, the newest first: a query of the whole archive would
-- lock every partition and every index of it, until its transaction ends. Undoing a look that
-- found nothing gives its locks back, so that an old instance costs no more of them.
-- Rows move to gendurable.kept, and from there to nowhere, so that is the last to be looked at.
-- Locks:  none. Writes: nothing. Plan: the primary key of each table.
-- Errors: none; what it raises it handles itself.
create function gendurable._archived(
    p_id bigint, out place regclass, out instance gendurable.finished)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_table regclass;
begin
    foreach v_table in array gendurable._archive_tables() loop
        begin
            execute format('select f.* from %s as f where f.id = $1', v_table)
            into instance using p_id;
            if instance.id is not null then
                place := v_table;
                return;
            end if;
            -- What undoes the look.
            raise no_data_found;
        exception when no_data_found or undefined_table then
            instance := null;
        end;
    end loop;
end
$$;
comment on function gendurable._archived(bigint)
    is 'A finished instance by its id, and the table that holds it.';
