-- Lets the planner know that tables which it takes to be empty are not; answers how many.
--
-- A VACUUM that finds no live row in a table that it cannot make smaller, because of a snapshot
-- that is held or a transaction that is open, leaves behind that a page holds none. Until the next
-- one the planner takes the table to have a single row, however many it has got by then, and to
-- read all of it to be cheaper than to look ten up. Autovacuum comes within a minute.
-- Locks:  the tables (share update exclusive), those that are free at once.
-- Writes: statistics.
-- Plan:   pg_class; the first row of each such table.
create function gendurable._renew_statistics() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table   regclass;
    v_any     boolean;
    v_renewed int := 0;
begin
    for v_table in
        select c.oid::regclass from pg_class as c
        where c.relnamespace = 'gendurable'::regnamespace and c.relkind = 'r'
          and c.reltuples = 0 and c.relpages > 0
        order by c.oid
    loop
        execute format('select exists (select from %s)', v_table) into v_any;
        if v_any then
            execute format('analyze (skip_locked) %s', v_table);
            v_renewed := v_renewed + 1;
        end if;
    end loop;
    return v_renewed;
end
$$;
comment on function gendurable._renew_statistics() is
    'Lets the planner know that tables which it takes to be empty are not.';
