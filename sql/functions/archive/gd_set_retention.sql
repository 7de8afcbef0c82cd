-- Sets how long finished instances are kept, and failed ones: as long (null), or longer. A
-- retention of null keeps all for ever. It applies to what has finished already, too.
--
-- gd_set_retention x maintenance: it waits for a call of maintenance that is in flight, so that
-- nothing is forgotten by a retention that was longer before once this has been committed.
-- Locks:  maintenance (advisory), waiting; the one row.
-- Writes: retention, progress.
-- Errors: GD002 a negative or absurd retention, or failed ones kept shorter than the others.
create function public.gd_set_retention(retention interval, failed interval default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failed interval := coalesce(gd_set_retention.failed, gd_set_retention.retention);
begin
    if gendurable._is_open('public.gd_set_retention(interval,interval)') then
        perform gendurable._refuse_open();
    end if;
    if gd_set_retention.retention is null and gd_set_retention.failed is not null
       or gd_set_retention.retention not between '0' and '1000 years'
       or v_failed not between gd_set_retention.retention and '1000 years' then
        perform gendurable._refuse(
            'GD002',
            format('retention %s, failed %s', coalesce(gd_set_retention.retention::text, 'null'),
                   coalesce(gd_set_retention.failed::text, 'null')),
            'Retention is zero to a thousand years, or null for ever; that of failed instances is '
            'no shorter.');
    end if;
    perform gendurable._await_maintenance();
    insert into gendurable.retention as r (finished, failed)
    values (gd_set_retention.retention, v_failed)
    on conflict (one) do update set finished = excluded.finished, failed = excluded.failed;
    -- What was judged by the retention before is judged again.
    delete from gendurable.progress as p where p.task like 'gendurable.%';
end
$$;
comment on function public.gd_set_retention(interval, interval)
    is 'Sets how long finished instances are kept; null: for ever.';
