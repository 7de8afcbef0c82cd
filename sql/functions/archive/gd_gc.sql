-- Forgets everything that finished before now() - retention: whole partitions at once, the one on
-- the boundary row by row, `batch` at most. Children stay as long as their parent lives, or is kept
-- and could be brought back to the step that joined them. While maintenance is at work elsewhere it
-- does nothing, and answers 0.
--
-- Locks:  maintenance (advisory), then as gendurable._forget_finished, _empty_partitions and
--         _drop_partitions; never waiting.
-- Writes: finished, correlation_keys.
-- Errors: GD002 a negative or absurd retention, a batch below one.
create function public.gd_gc(retention interval default '1 day', batch int default 10000)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_retention interval := coalesce(gd_gc.retention, '1 day');
    v_batch     int := coalesce(gd_gc.batch, 10000);
    v_forgotten int;
begin
    if v_retention < '0' or v_retention > '1000 years' or v_batch < 1 then
        perform gendurable._refuse('GD002', format('retention %s, batch %s', v_retention, v_batch),
                                   'Retention is zero to a thousand years, batch at least one.');
    end if;
    if not gendurable._lock_maintenance() then
        return 0;
    end if;
    v_forgotten := gendurable._empty_partitions(now() - v_retention)
                   + gendurable._forget_finished(now() - v_retention, v_batch);
    perform gendurable._drop_partitions(now() - v_retention);
    return v_forgotten;
end
$$;
comment on function public.gd_gc(interval, int)
    is 'Forgets instances that finished before the retention; answers how many.';
